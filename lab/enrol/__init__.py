"""A household teaches its speaker: from a few recordings of its people to a head of the second ear.

Read `run` first. The recordings are read and never copied: what is kept of them is weights. Weights learnt
from a voice are personal data all the same, so they go into a file that only its owner can read.
"""
