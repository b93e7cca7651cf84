"""What distance, room and noise do to clean speech in front of a microphone array.

Pure: no files, no clock, and every chance comes from a seed or a generator that is handed in. It will never
open a microphone, and it needs pyroomacoustics and scipy only where a room is rendered.
"""
