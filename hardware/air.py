"""What the twin's microphone can hear: sounds placed in the room, and the noise that is always there.

It will never hold a file whole, nor keep one open before it sounds: thousands may be placed at once.
Nothing here knows a clock: whoever renders says which samples.
"""

import heapq
import itertools
from collections.abc import Generator
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ
from hardware.errors import SoundError
from hardware.sound import ArraySound, FileSound, Samples, Sound


class Voice:
    """One sound on its way through the room."""

    def __init__(self, sound: Sound, at: int, gain_db: float, loop: bool) -> None:
        self._sound = sound
        self._at = at
        self._gain = np.float32(10 ** (gain_db / 20))
        self._loop = loop
        self._pieces: Generator[Samples, None, None] | None = None
        self._piece: Samples = np.zeros(0, np.float32)

    def add_to(self, mix: Samples, first: int) -> bool:
        """Add what sounds from sample `first` on; False when the sound is over."""
        position = max(self._at - first, 0)
        while position < len(mix):
            if not len(self._piece) and not self._next_piece():
                return False
            part = self._piece[: len(mix) - position]
            mix[position : position + len(part)] += part
            position += len(part)
            self._piece = self._piece[len(part) :]
        return True

    def _next_piece(self) -> bool:
        for _ in range(2 if self._loop else 1):  # the rest of this pass, then one new pass
            self._pieces = self._pieces or self._sound.pieces()
            for piece in self._pieces:
                if len(piece):
                    self._piece = piece * self._gain
                    return True
            self._pieces = None
        return False

    def close(self) -> None:
        """Let go of the file."""
        if self._pieces is not None:
            self._pieces.close()


class Room:
    """The air in front of the microphone: sounds that were placed in it, added together."""

    def __init__(self) -> None:
        self._reached = 0
        self._order = itertools.count()
        self._pending: list[tuple[int, int, Voice]] = []
        self._sounding: list[Voice] = []

    def say(
        self,
        sound: str | PathLike[str] | npt.NDArray[Any],
        at: int,
        gain_db: float = 0.0,
        loop: bool = False,
        channel: int | None = None,
    ) -> int:
        """Place a sound so that its first sample is sample `at`; returns the sample after its last.

        A file may have any rate and any number of channels (`channel` from 0, None is their mean); an array
        is 16 kHz mono. With `loop` it starts over, without a gap, for ever. Raises SoundError for a sound
        that cannot be played and for an `at` that is past.
        """
        if at < self._reached:
            raise SoundError(f"sound at sample {at}: the world is at {self._reached}; say it later")
        source = ArraySound(sound) if isinstance(sound, np.ndarray) else FileSound(sound, channel)
        heapq.heappush(self._pending, (at, next(self._order), Voice(source, at, gain_db, loop)))
        return at + source.samples

    def render(self, first: int, count: int) -> Samples | None:
        """What sounds in `count` samples from `first`; None when nothing does."""
        self._reached = first + count
        while self._pending and self._pending[0][0] < first + count:
            self._sounding.append(heapq.heappop(self._pending)[2])
        if not self._sounding:
            return None
        mix = np.zeros(count, np.float32)
        self._sounding = [voice for voice in self._sounding if voice.add_to(mix, first)]
        return mix

    def close(self) -> None:
        """Silence, and every file closed."""
        for voice in self._sounding:
            voice.close()
        self._sounding.clear()
        self._pending.clear()


class Noise:
    """Gaussian noise of `rms` 16-bit steps that depends on the seed and the sample index alone."""

    def __init__(self, rms: float, seed: int) -> None:
        self._rms = rms
        self._seed = seed
        self._second = -1
        self._samples: Samples = np.zeros(0, np.float32)

    def render(self, first: int, count: int) -> Samples | None:
        """The noise in `count` samples from `first`: at most a second of it."""
        second, position = divmod(first, RATE_HZ)
        here = self._of(second)[position : position + count]
        if len(here) == count:
            return here
        both: Samples = np.concatenate([here, self._of(second + 1)[: count - len(here)]])  # after an overrun
        return both

    def _of(self, second: int) -> Samples:
        if second != self._second:
            chance = np.random.default_rng((self._seed, second))
            self._samples = np.float32(self._rms) * chance.standard_normal(RATE_HZ, np.float32)
            self._second = second
        return self._samples
