"""Hours of audio, and what a speaker would have made of them: false wakes, how long it would have listened,
whether it would do so again.

Read `run` first: it is the whole study in one page. Audio is heard file by file and piece by piece, never
held; nothing is ever written into the folder it comes from, and what is kept of it is words and numbers,
unless clips are asked for.
"""
