"""Everybody hears everything, on all cores: a process for each engine and each share of the clips."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import monotonic
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ears.clips import RATE_HZ, Int16
from ears.engines import OURS, Engine, Folds, started

Rows = npt.NDArray[np.float64]
Key = tuple[str, str]
"""A condition, and a file in it."""
Heard = dict[str, dict[Key, Rows]]
"""By the engine's name and what was played: what it heard."""

CORES = os.cpu_count() or 1


class Sounds:
    """All that is played, in one temporary file: hundreds of MiB that need not be in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[Key, tuple[int, int]] = {}
        self._lock = Lock()

    def add(self, key: Key, samples: Int16) -> None:
        pcm = samples.astype("<i2").tobytes()
        self._places[key] = self._file.seek(0, os.SEEK_END), len(pcm)
        self._file.write(pcm)

    def pcm(self, key: Key) -> bytes:
        place, size = self._places[key]
        with self._lock:
            self._file.seek(place)
            return self._file.read(size)

    def seconds(self, keys: Iterable[Key]) -> float:
        return sum(self._places[key][1] for key in keys) / 2 / RATE_HZ

    @property
    def keys(self) -> list[Key]:
        return list(self._places)


class Share(NamedTuple):
    """Some of the sounds for one engine, with the arguments that it is started with for them."""

    engine: Engine
    arguments: tuple[str, ...]
    keys: list[Key]


def listen(
    engines: Sequence[Engine], sounds: Sounds, keys: Sequence[Key], folds: Folds | None = None, jobs: int = 0
) -> Heard:
    """Let each engine hear each sound as a stream of its own, `jobs` processes at a time (0: the cores)."""
    shares = [share for engine in engines for share in _shares(engine, keys, folds)]
    tick = progress(sum(sounds.seconds(share.keys) for share in shares))
    heard: Heard = {engine.name: {} for engine in engines}
    with ThreadPoolExecutor(jobs or CORES) as pool:
        answers = pool.map(lambda share: _hear(share, sounds, tick), shares)
        try:
            for share, rows in zip(shares, answers, strict=True):
                heard[share.engine.name] |= rows
        except BaseException:
            pool.shutdown(cancel_futures=True)  # when one fails the others are not worth waiting for
            raise
    return heard


def _shares(engine: Engine, keys: Sequence[Key], folds: Folds | None) -> list[Share]:
    ours = engine.name in {each.name for each in OURS.values()}
    grouped: dict[tuple[str, ...], list[Key]] = defaultdict(list)
    for key in keys:
        grouped[folds.arguments(key[1]) if folds and ours else ()].append(key)
    return [
        Share(engine, arguments, members[first::CORES])
        for arguments, members in grouped.items()
        for first in range(min(CORES, len(members)))
    ]


def _hear(share: Share, sounds: Sounds, tick: Callable[[float], None]) -> dict[Key, Rows]:
    heard = {}
    with started(share.engine, share.arguments) as child:
        for key in share.keys:
            pcm = sounds.pcm(key)
            heard[key] = child.hear(pcm).heard
            tick(len(pcm) / 2 / RATE_HZ)
    return heard


def progress(total_s: float) -> Callable[[float], None]:
    """A call to tell seconds of sound to, which shows on stderr what share has been heard, now and then."""
    began, done, lock = monotonic(), 0.0, Lock()
    shown = began
    every_s, end = (1.0, "\r") if sys.stderr.isatty() else (60.0, "\n")

    def tick(seconds: float) -> None:
        nonlocal shown, done
        with lock:
            done += seconds
            now = monotonic()
            if now - shown < every_s and done < total_s:
                return
            shown = now
        text = f"heard {done / 3600:.2f} of {total_s / 3600:.2f} h of sound in {now - began:.0f} s "
        print(text, end=end if done < total_s else "\n", file=sys.stderr, flush=True)

    return tick
