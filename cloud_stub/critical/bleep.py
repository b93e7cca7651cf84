"""Sound with a tone over what is critical. No sample below a tone survives, and no other is touched. Pure."""

from collections.abc import Iterable

import numpy as np

RATE_HZ = 16_000
TONE_HZ = 440.0
LEVEL = 2_000
"""Quiet: about -24 dB of full scale."""

MARGIN = 1_920
"""120 ms before and after: ears are not exact about where a word begins."""

_RAMP = 160


def bleep(sound: bytes, stretches: Iterable[tuple[int, int]]) -> bytes:
    """Sound (s16le mono 16 kHz) with a tone from the first to the second sample of each stretch."""
    samples = np.frombuffer(sound[: len(sound) & ~1], np.int16).copy()
    for first, end in stretches:
        start, stop = max(0, first), min(len(samples), end)
        if start < stop:
            samples[start:stop] = _tone(stop - start)
    return samples.tobytes() + sound[len(sound) & ~1 :]


def _tone(length: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    at = np.arange(length)
    ramp = np.minimum(1.0, np.minimum(at + 1, length - at) / _RAMP)
    tone: np.ndarray[tuple[int], np.dtype[np.int16]] = (
        LEVEL * ramp * np.sin(2 * np.pi * TONE_HZ * at / RATE_HZ)
    ).astype(np.int16)
    return tone
