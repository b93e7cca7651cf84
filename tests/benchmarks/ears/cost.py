"""What listening costs: CPU on the same minute of sound, in turn, round after round; and peak memory.

CPU is that of the whole process, all threads, while it hears. Memory is the peak of a whole process that only
listens, Python included, after some wakes and every minute.
"""

from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

import numpy as np

from ears.clips import RATE_HZ, Corpus
from ears.engines import (
    BALANCED,
    FIRST,
    LVA_MICRO,
    MICRO,
    OWN_OPEN,
    PACKAGE_LVA_OPEN,
    PACKAGE_OPEN,
    Engine,
    started,
)
from ears.mixes import hush, mixed, seeded

LISTENERS = (FIRST, BALANCED, MICRO, OWN_OPEN, PACKAGE_OPEN, LVA_MICRO, PACKAGE_LVA_OPEN)
SECONDS = 60
WAKES = 5
SPEECH = "neg_read_en"


class Cost(NamedTuple):
    """CPU seconds for the minute in every round, peak memory, and wakes in a minute without the word."""

    cpu_s: list[float]
    peak_mib: float

    @property
    def ms_a_second(self) -> float:
        return 1e3 * median(self.cpu_s) / SECONDS


def costs(corpus: Corpus, rounds: int) -> dict[Engine, Cost]:
    """Let every listener hear some wakes, then the same minute of read speech over and over."""
    woken, minute = with_wakes(corpus), a_minute(corpus)
    spent: dict[Engine, list[float]] = {engine: [] for engine in LISTENERS}
    peaks: dict[Engine, float] = {}
    with ExitStack() as stack:
        children = {engine: stack.enter_context(started(engine)) for engine in LISTENERS}
        for child in children.values():
            child.hear(woken)
        names = list(children)
        for number in range(rounds):
            first = number % len(names)
            for engine in names[first:] + names[:first]:
                answer = children[engine].hear(minute, fresh=False)
                spent[engine].append(answer.cpu_s)
                peaks[engine] = answer.peak_mib
    return {engine: Cost(spent[engine], peaks[engine]) for engine in LISTENERS}


def ratio(cost: Cost, base: Cost) -> float:
    """How many times `base` it took: the middle of the rounds."""
    return median(one / other for one, other in zip(cost.cpu_s, base.cpu_s, strict=True))


def a_minute(corpus: Corpus) -> bytes:
    """A minute of people reading, each from the beginning of a clip on."""
    clips = [clip for clip in corpus.negatives if clip.group == SPEECH] or corpus.negatives
    order = seeded("minute", SPEECH).permutation(len(clips))
    sound = np.concatenate([corpus.sound(clips[int(at)]) for at in order])
    return np.resize(sound, SECONDS * RATE_HZ).astype("<i2").tobytes()


def with_wakes(corpus: Corpus) -> bytes:
    """2 s of a microphone's own noise, then some clips with the word."""
    clips = corpus.positives[:WAKES]
    sounds = [hush(2 * RATE_HZ, seeded("wakes")), *(mixed("clean", clip, corpus) for clip in clips)]
    return np.concatenate(sounds).astype("<i2").tobytes()
