"""A device alone with one cable: a network of its own that is captured, counted and decrypted.

Read `enclosure` first.
"""
