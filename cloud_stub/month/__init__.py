"""A household and a review team over weeks, in sample time: so that every page has something to show and
every control something to check. Simulated, and marked as such. Read `run.live_through`.
"""
