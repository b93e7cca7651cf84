"""A microphone and a loudspeaker where there is no sound hardware: PyAudio, PortAudio, ALSA and files.

`desk.Desk` is two sound cards of `card.c`, paced, that can be unplugged, wedged and broken in other ways;
`desk.file_card` is ALSA's own `file` plug-in, as fast as it is read. ALSA_CONFIG_PATH leads to either.
"""
