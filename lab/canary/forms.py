"""In which forms sound may lie in a memory or a file. Pure: arrays in, arrays out.

A form is three things: what was made of the sound (`Made`: itself, its top bytes, other rates), how a number
is written (`Written`: PCM, byte-swapped PCM, floats, bytes), and how far apart its samples lie (channels that
are interleaved, rates that repeat samples).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Values = NDArray[np.int64]

RATE_HZ = 16_000


class Written(NamedTuple):
    """How a number is written: its bytes, and what brings it to the scale of 16 bits (or of 8, of bytes)."""

    name: str
    dtype: np.dtype[np.generic]
    scale: float = 0
    """Of floats; 0 where it is an integer."""
    lift: int = 0

    def read(self, raw: NDArray[np.generic]) -> Values:
        """Numbers as they are written; of floats that no sound can be, 0."""
        if not self.scale:
            return raw.astype(np.int64) - self.lift
        with np.errstate(all="ignore"):
            values = raw.astype(np.float64) * self.scale
            return np.where(np.abs(values) < 65_536, np.rint(values), 0).astype(np.int64)


class Made(NamedTuple):
    """What was made of the sound. `first`: which sample of the sound a place in it is, of so many places.

    rate: samples of it for one of the sound. near: how far a value may be off, where somebody else's filter
    may have rounded in another way.
    """

    name: str
    make: Callable[[Samples], Values]
    first: Callable[[int, int], int]
    rate: float = 1
    near: int = 0


class Form(NamedTuple):
    """One form: every `apart`-th number is a sample."""

    made: Made
    written: Written
    apart: int = 1

    @property
    def name(self) -> str:
        """For people."""
        apart = f", one in {self.apart}" if self.apart > 1 else ""
        return f"{self.made.name} as {self.written.name}{apart}"


def _resampled(rate_hz: int) -> Callable[[Samples], Values]:
    def make(sound: Samples) -> Values:
        if not len(sound):
            return np.zeros(0, np.int64)
        floats: NDArray[np.float64] = soxr.resample(sound.astype(np.float64), RATE_HZ, rate_hz, quality="HQ")
        return np.clip(np.rint(floats), -32_768, 32_767).astype(np.int64)

    return make


def _skipped(sound: Samples) -> Values:
    """Every second sample from 0 on, then every second from 1 on."""
    skipped: Values = np.concatenate([sound[0::2], sound[1::2]]).astype(np.int64)
    return skipped


def _means(sound: Samples) -> Values:
    """The mean of every two, the cheapest way to half a rate: of pairs that begin at 0, then at 1."""
    sums = sound[:-1].astype(np.int64) + sound[1:]
    means: Values = np.concatenate([sums[0::2], sums[1::2]]) >> 1
    return means


def _down(sound: Samples) -> Values:
    """At half the rate, through a filter: from sample 0 on, then from 1 on."""
    both: Values = np.concatenate([_resampled(8_000)(sound[start:]) for start in (0, 1)])
    return both


def _of_two(place: int, places: int) -> int:
    """The sample at a place of what has the even ones first."""
    evens = (places + 1) // 2
    return 2 * place if place < evens else 2 * (place - evens) + 1


SOUND = Made("sound", lambda sound: sound.astype(np.int64), lambda place, _: place)
TOP = Made("top bytes", lambda sound: sound.astype(np.int64) >> 8, lambda place, _: place)
SKIPPED = Made("every second sample", _skipped, _of_two, 0.5)
MEANS = Made("means of two samples", _means, _of_two, 0.5, near=1)
DOWN = Made("sound at 8 kHz", _down, _of_two, 0.5, near=3)
UP = Made("sound at 48 kHz", _resampled(48_000), lambda place, _: place // 3, 3, near=3)

PCM, SWAPPED = Written("int16", np.dtype("<i2")), Written("byte-swapped int16", np.dtype(">i2"))
FLOAT, UNIT = Written("float32", np.dtype("<f4"), 1), Written("float32 of -1 to 1", np.dtype("<f4"), 32_768)
DOUBLE, DOUBLE_UNIT = (
    Written("float64", np.dtype("<f8"), 1), Written("float64 of -1 to 1", np.dtype("<f8"), 32_768)
)  # fmt: skip
BYTE, BYTE_UP = Written("int8", np.dtype("i1")), Written("uint8", np.dtype("u1"), lift=128)

FORMS: tuple[Form, ...] = (
    *(Form(SOUND, PCM, apart) for apart in range(1, 9)),
    *(Form(SOUND, written, apart) for written in (SWAPPED, FLOAT, UNIT) for apart in (1, 2, 6)),
    *(Form(SOUND, written, apart) for written in (DOUBLE, DOUBLE_UNIT) for apart in (1, 2)),
    *(Form(TOP, written, apart) for written in (BYTE, BYTE_UP) for apart in (1, 2, 6)),
    *(Form(made, written) for made in (SKIPPED, MEANS, DOWN, UP) for written in (PCM, UNIT)),
)
"""Integers of 32 bits are PCM, one in two, whichever half holds the sample; a sound at 48 kHz whose samples
are repeated, or joined by lines, is PCM, one in three.
"""
