"""A canary in the room: a sound that nobody has to keep is played to an idle speaker, and then looked for, in
the memory of its processes and in every file. `run` is what happens; `search` finds it.

The speaker is the real one, on the real board's way of hearing: PyAudio over ALSA, a process that hears. Its
sound card is a pipe. The twin would not do: it holds the whole room in its own memory.
"""
