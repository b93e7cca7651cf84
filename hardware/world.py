"""The twin's world: one clock of samples, and what is due to happen when.

It has no pins and no microphone; it will never keep what sounded, and never read the time of day: "real time"
is a monotonic clock, and only as fast as it was asked to be.
"""

import functools
import heapq
import itertools
import math
import time
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.errors import BoardError, EndOfInput
from hardware.sound import Samples

Heard = npt.NDArray[np.int16]
Ailment = Callable[[int, Heard], Heard]  # (first sample, what sounds) -> what a sick microphone makes of it
Source = Callable[
    [int, int], Samples | None
]  # (first sample, how many) -> that many samples, None for silence
Speed = Literal["fast", "realtime"] | float

SILENCE: Heard = np.zeros(FRAME_SAMPLES, np.int16)
SILENCE.flags.writeable = False


class Tape(Protocol):
    """Whatever keeps what the room sounded like: a soundfile.SoundFile opened for writing is one."""

    def write(self, samples: Heard, /) -> object:
        """Append them."""


class Pace:
    """How fast the world turns: `fast` never waits, `realtime` is 1.0, a number is that many times real time.

    Waits are computed from the first frame, so that they never drift, and a late frame is caught up with.
    """

    def __init__(
        self,
        speed: Speed,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        factor = {"fast": math.inf, "realtime": 1.0}.get(speed, math.nan) if isinstance(speed, str) else speed
        if not factor > 0:
            raise BoardError(f"pace {speed!r}: not a speed; give fast, realtime, or a number above 0")
        self._samples_per_s = RATE_HZ * factor
        self._clock = clock
        self._sleep = sleep
        self._origin_s: float | None = None

    def wait(self, first: int, end: int) -> None:
        """Return when the frame from `first` to `end` is over."""
        if self._samples_per_s == math.inf:
            return
        if self._origin_s is None:
            self._origin_s = self._clock() - first / self._samples_per_s
        left_s = self._origin_s + end / self._samples_per_s - self._clock()
        if left_s > 0:
            self._sleep(left_s)


class World:
    """The clock everything hangs on. `now` is the sample index reached; `step` moves it one frame on."""

    def __init__(self, pace: Pace, length_samples: int | None) -> None:
        self.now = 0
        self.sources: list[Source] = []
        self.gate: Callable[[int], None] | None = None
        self.tape: Tape | None = None
        self.ailment: Ailment | None = None
        self._pace = pace
        self._length = length_samples
        self._order = itertools.count()
        self._due: list[tuple[int, int, Callable[[], None]]] = []

    def at(self, sample: int, call: Callable[[], None]) -> None:
        """Call when the world reaches `sample`, with `now` there; at once if it already has."""
        if sample <= self.now:
            call()
        else:
            heapq.heappush(self._due, (sample, next(self._order), call))

    def step(self, samples: int = FRAME_SAMPLES) -> Heard:
        """Let one frame pass, or less; returns its samples. Raises EndOfInput when the world is over."""
        if self._length is not None and self.now >= self._length:
            raise EndOfInput(f"sim: the world ends at sample {self._length}; give it a longer length_samples")
        first, end = self.now, self.now + samples
        if self.gate is not None:
            self.gate(first)
        self._pace.wait(first, end)
        parts: list[Heard] = []
        while self._due and self._due[0][0] <= end:
            sample, _, call = heapq.heappop(self._due)
            if sample > self.now:
                parts.append(self._sound_until(sample))
            call()
        if self.now < end:
            parts.append(self._sound_until(end))
        heard = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if self.ailment is not None:
            heard = self.ailment(first, heard)
        if self.tape is not None:
            self.tape.write(heard)
        return heard

    def _sound_until(self, end: int) -> Heard:
        """Move to `end`, hearing everything on the way: sounds add up and are cut at the 16-bit limits."""
        first, count = self.now, end - self.now
        sounds = [sound for source in self.sources if (sound := source(first, count)) is not None]
        self.now = end
        if not sounds:
            return SILENCE[:count]
        mix = functools.reduce(np.add, sounds)
        return np.rint(mix).clip(-32768, 32767).astype(np.int16)
