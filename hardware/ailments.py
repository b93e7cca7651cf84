"""What a sick microphone makes of what sounds, for the twin: each a function of the first sample's index and
the samples. It keeps nothing; the same index gives the same.
"""

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ
from hardware.world import Heard

_STUCK_AT = 1_234
_HUM = ((50, 3_000.0), (100, 1_500.0), (150, 900.0))  # Hz, peak
_HISS = 60_000.0  # rms: twice full scale


def silent(_first: int, heard: Heard) -> Heard:
    """Nothing but zeros."""
    return np.zeros_like(heard)


def constant(_first: int, heard: Heard) -> Heard:
    """One value, for ever."""
    return np.full_like(heard, _STUCK_AT)


def humming(first: int, heard: Heard) -> Heard:
    """The mains, over what sounds."""
    turn = 2 * np.pi * np.arange(first, first + len(heard)) / RATE_HZ
    hum = np.sum([peak * np.sin(hz * turn) for hz, peak in _HUM], axis=0)
    return _cut(heard + hum)


def clipped(first: int, heard: Heard) -> Heard:
    """An amplifier that is turned up until it hears nothing but itself."""
    return _cut(heard + _HISS * np.random.default_rng(first).standard_normal(len(heard)))


def _cut(loud: npt.NDArray[np.float64]) -> Heard:
    return np.rint(loud).clip(-32768, 32767).astype(np.int16)
