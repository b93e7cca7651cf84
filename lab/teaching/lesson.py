"""One word's lesson: its recordings heard in many ways, and heads taught on all of them or on all but a fold.

Long work: it is spread over processes, and says how far it is to whoever asks.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple
from zlib import crc32

import numpy as np

from device.wakeword import Manifest, find
from device.wakeword.verifier import shipped_embedding
from hardware.room.levels import Samples
from lab.teaching import examples
from lab.teaching.augment import Int16, World
from lab.teaching.corpus import Recording
from lab.teaching.examples import Examples
from lab.teaching.fit import Row, fit
from lab.teaching.track import Listener, Track

_MADE_UP = 0.2
"""What a made-up voice weighs beside a person's."""
VARIANTS_WITH, VARIANTS_WITHOUT = 12, 1


class Taught(NamedTuple):
    """A recording as it was heard: plain, to be tried on, and in other ways, to learn from."""

    recording: Recording
    plain: Track
    others: tuple[Track, ...]


class Lesson:
    """Recordings with the word and without it, heard."""

    def __init__(self, word: str, heard: Sequence[Taught]) -> None:
        self.word = word
        self.heard = tuple(heard)
        self._examples = [self._of(each, number) for number, each in enumerate(self.heard)]

    def holds(self, taught: Taught) -> bool:
        """Whether a recording holds the word."""
        return taught.recording.label == self.word

    def teach(self, leave_out: Callable[[Recording], bool] = lambda _: False) -> Row:
        """Return what was learnt from all recordings but those. Raises LabError as `fit` does."""
        used = [
            part
            for taught, part in zip(self.heard, self._examples, strict=True)
            if part is not None and not leave_out(taught.recording)
        ]
        return fit(examples.joined(used))

    def _of(self, taught: Taught, number: int) -> Examples | None:
        tracks = (taught.plain, *taught.others)
        if self.holds(taught):
            weight = _MADE_UP if taught.recording.made_up else 1.0
            parts = [examples.of_the_word(track, number, weight) for track in tracks]
        else:
            parts = [examples.of_anything_else(track, number) for track in tracks]
        found = [part for part in parts if part is not None]
        return examples.joined(found) if found else None


def hear_all(
    word: str, recordings: Sequence[Recording], jobs: int, tick: Callable[[], None] = lambda: None
) -> Lesson:
    """Hear every recording, plain and in other ways, and call `tick` after each.

    Raises LabError, ModelError: a recording or the word's model cannot be used.
    """
    manifest = find(word)
    one = partial(_hear, manifest)
    numbers = range(len(recordings))
    with ProcessPoolExecutor(jobs, get_context("fork"), _prepare, (word, tuple(recordings))) as crew:
        heard = []
        for taught in crew.map(one, numbers, chunksize=8):
            heard.append(taught)
            tick()
    return Lesson(manifest.word, heard)


_RECORDINGS: tuple[Recording, ...] = ()
_WORD = ""
_WORLD: list[World] = []


def _prepare(word: str, recordings: tuple[Recording, ...]) -> None:
    """In each process: what to hear, and the speech and noise around it, which is read once."""
    global _RECORDINGS, _WORD
    _RECORDINGS, _WORD = recordings, word


def _world() -> World:
    if not _WORLD:
        others = [each for each in _RECORDINGS if each.label != _WORD][::2]
        _WORLD.append(
            World(
                [each.samples() for each in others if "noise" not in each.group and each.seconds > 1.5],
                [each.samples() for each in others if "noise" in each.group],
            )
        )
    return _WORLD[0]


def _hear(manifest: Manifest, number: int) -> Taught:
    recording = _RECORDINGS[number]
    listener = Listener(manifest, shipped_embedding())
    samples, holds = recording.samples(), recording.label == manifest.word
    chance = np.random.default_rng(crc32(recording.file.encode()))
    count = VARIANTS_WITH if holds else VARIANTS_WITHOUT
    plain = _world().plain(samples, chance) if holds else _as_it_is(samples)
    others: Iterable[Int16] = (_world().vary(samples, chance) for _ in range(count))
    return Taught(recording, listener.hear(plain), tuple(map(listener.hear, others)))


def _as_it_is(samples: Samples) -> Int16:
    """A recording without the word, and the silence in which a late wake would come."""
    return np.pad(np.rint(samples).clip(-32_768, 32_767).astype(np.int16), (0, 9_600))
