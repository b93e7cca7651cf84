"""A microphone array that gives hiss, then the canary: ALSA's own `file` plug-in, which reads a named pipe,
and a thread that writes into it at the pace of sound. No compiler and no sound hardware is needed.

The card waits for who is too busy to take its samples, so what was given was taken, or waits in the pipe, two
frames at most, as it would in a card's ring.
"""

import fcntl
import os
import termios
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.random import default_rng  # now: NumPy loads it late, and what loads it swallows a Ctrl-C

from lab.canary.forms import RATE_HZ, Samples

NAME = "canary"
CHANNELS = 6
PIECE_SAMPLES = 640
"""PortAudio takes so many at a time, for its ring; what it does not get whole it fills with old ones."""
_PIPE_BYTES = 8_192
_HISS = 30
_LOUD = 20_000
_LOOK_S = 0.001

_CONFIG = """\
pcm.!default {{ type null }}
pcm.{name} {{ type file slave.pcm {{ type null }} file "/dev/null" infile "{pipe}" format "raw" }}
"""


def canary(seed: int, samples: int) -> Samples:
    """Loud noise that no model takes for a word, of which no two places are alike."""
    return default_rng(seed).integers(-_LOUD, _LOUD + 1, samples).astype(np.int16)


class Card:
    """The sound card, as long as the block lasts. All its channels hear the same.

    given: how many samples of `sound` it has given. taken: how many pieces in all, hiss too. Nothing is given
    while somebody holds `still`.
    """

    def __init__(self, folder: Path, sound: Samples) -> None:
        self.config = folder / "asound.conf"
        self.pipe = folder / "microphone"
        self.given = self.taken = 0
        self.singing = threading.Event()
        self.still = threading.Lock()
        self._sound = sound
        self._hiss = default_rng(0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True, name="card")

    def __enter__(self) -> Self:
        self.config.write_text(_CONFIG.format(name=NAME, pipe=self.pipe), encoding="utf-8")
        os.mkfifo(self.pipe)
        self._way = os.open(self.pipe, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._way, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._way)
        self.pipe.unlink(missing_ok=True)

    @property
    def over(self) -> bool:
        """Whether all of the canary was given."""
        return self.given + PIECE_SAMPLES > len(self._sound)

    def _play(self) -> None:
        due = time.monotonic()
        while not self._over.is_set() and not self.over:
            with self.still:
                if self._empty() and time.monotonic() >= due:
                    due = max(due, time.monotonic() - PIECE_SAMPLES / RATE_HZ) + PIECE_SAMPLES / RATE_HZ
                    self._give()
            time.sleep(_LOOK_S)

    def _give(self) -> None:
        sings = self.singing.is_set()
        if sings:
            piece = self._sound[self.given : self.given + PIECE_SAMPLES]
        else:
            piece = self._hiss.integers(-_HISS, _HISS + 1, PIECE_SAMPLES).astype(np.int16)
        os.write(self._way, np.repeat(piece.astype("<i2"), CHANNELS).tobytes())
        self.given += PIECE_SAMPLES if sings else 0
        self.taken += 1

    def _empty(self) -> bool:
        return fcntl.ioctl(self._way, termios.FIONREAD, b"\0\0\0\0") == b"\0\0\0\0"
