"""What everybody made of the clips: a line for each engine at a threshold, and how late its wakes were."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ears.clips import Clip, Corpus
from ears.engines import PACKAGES, SHIPPED, Engine
from ears.listen import Heard, Key, Rows
from ears.mixes import BEFORE, CONDITIONS
from ears.wakes import Woken, as_good, lost_ms, tuned, wakes
from ears.word_end import word_end

NEGATIVE = "without the word"


class Line(NamedTuple):
    """An engine at a threshold (ours has none of its own): false wakes, and misses in every condition."""

    name: str
    engine: Engine
    threshold: float | None
    false_wakes: int
    missed: Mapping[str, int]

    @property
    def misses(self) -> int:
        return sum(self.missed.values())


class Late(NamedTuple):
    """Milliseconds from the end of the word, in the clean clips it woke to; for a peer both are the same."""

    trigger_ms: list[float]
    decision_ms: list[float]


class Lost(NamedTuple):
    """Milliseconds of the command that were lost, in clips it woke to, and in how many it did not."""

    ms: list[float]
    missed: int


class Results:
    """All that was heard, and the questions about it."""

    def __init__(self, corpus: Corpus, heard: Heard, onsets: Mapping[Key, int]) -> None:
        self.corpus = corpus
        self._heard, self._onsets = heard, onsets
        self._ends = {clip.file: BEFORE + word_end(corpus.sound(clip)) for clip in corpus.positives}

    def woken(self, engine: Engine, key: Key, threshold: float | None) -> list[Woken]:
        """The wakes in one sound."""
        rows = self._heard[engine.name][key]
        return accepted(rows) if threshold is None else wakes(rows, threshold)

    def negatives(self, engine: Engine) -> list[Rows]:
        return [self._heard[engine.name][NEGATIVE, clip.file] for clip in self.corpus.negatives]

    def line(self, name: str, engine: Engine, threshold: float | None = None) -> Line:
        false = {clip: self.woken(engine, (NEGATIVE, clip.file), threshold) for clip in self.corpus.negatives}
        missed = {
            condition: sum(
                all(wake.trigger < BEFORE for wake in self.woken(engine, (condition, clip.file), threshold))
                for clip in self.corpus.positives
            )
            for condition in CONDITIONS
        }
        return Line(name, engine, threshold, sum(map(len, false.values())), missed)

    def shipped(self) -> list[Line]:
        return [self.line(f"{peer.name}, shipped", peer, threshold) for peer, threshold in SHIPPED.items()]

    def tuned(self, allowed: int) -> list[Line]:
        """The peers at their lowest thresholds with at most `allowed` false wakes."""
        return [
            self.line(f"{peer.name}, tuned", peer, tuned(self.negatives(peer), allowed)) for peer in SHIPPED
        ]

    def fooled(self, line: Line) -> list[Clip]:
        """The clips without the word that woke it."""
        return [
            clip
            for clip in self.corpus.negatives
            if self.woken(line.engine, (NEGATIVE, clip.file), line.threshold)
        ]

    def late(self, line: Line) -> Late:
        trigger, decision = [], []
        for clip in self.corpus.positives:
            for wake in self.woken(line.engine, ("clean", clip.file), line.threshold)[:1]:
                trigger.append((wake.trigger - self._ends[clip.file]) / 16)
                decision.append((wake.decision - self._ends[clip.file]) / 16)
        return Late(trigger, decision)

    def lost(self, line: Line, gap_ms: int) -> Lost:
        found = []
        for clip in self.corpus.positives:
            key = gap_key(gap_ms, clip)
            found += [
                lost_ms(wake.trigger, self._onsets[key])
                for wake in self.woken(line.engine, key, line.threshold)[:1]
            ]
        return Lost(found, len(self.corpus.positives) - len(found))

    def proposed(self, engine: Engine) -> int:
        """How often the first ear of ours proposed a wake where there was no word."""
        return sum(map(len, self.negatives(engine)))


def accepted(rows: Rows) -> list[Woken]:
    """Ours: the wakes that the second ear agreed to."""
    return [Woken(int(row[0]), int(row[1])) for row in rows if row[3]]


def gap_key(gap_ms: int, clip: Clip) -> Key:
    return f"gap {gap_ms}", clip.file


def better(lines: Sequence[Line]) -> Line:
    """Of the packages, the one that misses less."""
    return min((line for line in lines if line.engine in PACKAGES), key=lambda line: line.misses)


def columns_as_good(ours: Line, shipped: Sequence[Line]) -> list[str]:
    """Where a package as it is shipped does as well as we do, or better."""
    found = []
    for line in shipped:
        if line.engine in PACKAGES:
            found += [
                f"{line.engine.name}: {c}" for c in CONDITIONS if as_good(ours.missed[c], line.missed[c])
            ]
            found += [f"{line.engine.name}: false wakes"] * as_good(ours.false_wakes, line.false_wakes)
    return found


def times(one: float, other: float) -> float:
    """How many times the other; what is nothing to nothing is 0."""
    return one / other if other else np.inf if one else 0.0
