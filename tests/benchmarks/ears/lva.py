"""How linux-voice-assistant calls the two packages: its `process_audio`, read at commit 00393d4.

It records blocks of 1,024 samples as floats, turns them into 16-bit steps with a factor of 32,767 that cuts
towards zero, and gives every block to the front end of `pymicro-wakeword`, whichever models are active (its
stop word needs it), and to that of `pyopen-wakeword` when one of its models is. A model of the first counts
above the cut-off in its manifest, one of the second above 0.7 where its manifest names none, as none of those
that come with it does; after a wake there is no other for 2 s. Its stop word model, which runs beside either,
comes with neither package and is left out here: its figures of CPU are too low by one model.
"""

import numpy as np

BLOCK_SAMPLES = 1024


def as_recorded(pcm: bytes) -> bytes:
    """A block by way of floats and back, as it does."""
    floats = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    return (np.clip(floats, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
