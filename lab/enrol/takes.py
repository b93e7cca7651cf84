"""A word as it may sound another time in the same home: rooms, levels, a fan, a murmur. Pure, seeded.

The world around it is made of noise alone, so nobody else's recordings are needed. The murmur is noise whose
level moves as that of speech does; where there are recordings of the home's own talk, they are used instead.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from hardware.board import RATE_HZ
from hardware.room.levels import Samples, pink
from lab.enrol.words import Word
from lab.teaching.augment import Chance, World
from lab.teaching.track import Listener, Track

TAKES = 9
"""So many ways each word is heard in, the first of them as it was recorded."""
_LENGTH = 6 * RATE_HZ
_SYLLABLE = RATE_HZ // 4


def home(talk: Sequence[Samples] = ()) -> World:
    """Return the world of a home: its talk, or murmurs, and pink noise."""
    chance = np.random.default_rng(7)
    murmurs = [] if talk else [murmur(_LENGTH, chance) for _ in range(8)]
    return World([*talk, *murmurs], [pink(_LENGTH, chance) for _ in range(4)])


def murmur(length: int, chance: Chance) -> Samples:
    """Noise with the spectrum and the rhythm of distant talk, and no words."""
    knots = np.abs(chance.standard_normal(length // _SYLLABLE + 2))
    level = np.interp(np.arange(length), np.arange(len(knots)) * _SYLLABLE, knots)
    return (pink(length, chance) * level).astype(np.float32)


def takes(word: Word, number: int, world: World, listener: Listener) -> list[Track]:
    """Return the word heard in TAKES ways. The same recording in the same place comes out the same."""
    chance = np.random.default_rng([number, crc32(word.samples.tobytes())])
    others = (world.vary(word.samples, chance) for _ in range(TAKES - 1))
    return [listener.hear(world.plain(word.samples, chance)), *map(listener.hear, others)]
