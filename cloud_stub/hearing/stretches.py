"""Where in a sound somebody spells: what ears for digits explain better than ears for all of English.

Each part that is heard is worth something: a digit the more, the better its sound fits it than it fits
general English; a bare sound less than nothing. A stretch is where the sum goes up, by enough.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

PAUSES = frozenset(["<s>", "</s>", "<sil>"])
FARTHEST = 4.0
"""No part is worth more than a difference of this, nor costs more: one cough must not end a number."""


class Part(NamedTuple):
    """What was heard in frames (10 ms) `first` to `last`; `score` is how well a frame of it fits, in logs."""

    text: str
    first: int
    last: int
    score: float

    @property
    def frames(self) -> int:
        """How long it is."""
        return self.last - self.first + 1


class Rule(NamedTuple):
    """What a frame is worth; chosen on made-up numbers in synthetic voices (docs/critical-data.md)."""

    spelled: float
    """A digit that fits as well as English does."""
    difference: float
    """How much it counts that something fits better or worse than English."""
    sound: float
    """What a frame that is none costs."""
    enough: float
    """Least sum of a stretch: 100 is about three digits that fit, with nothing between them."""


class Stretch(NamedTuple):
    """Frames `first` to `last`."""

    first: int
    last: int


def stretches(
    heard: Sequence[Part], english: Sequence[Part], rule: Rule, is_spelled: Callable[[str], bool]
) -> Iterator[Stretch]:
    """Where `heard` spells, in order, each from a first to a last digit or letter."""
    total = best = 0.0
    first = last = 0
    for part in heard:
        if total <= 0:
            total, best, first = 0.0, 0.0, part.first
        total += part.frames * _worth(part, english, rule, is_spelled)
        if total > best:
            best, last = total, part.last
        if best >= rule.enough and (total <= 0 or best - total > rule.enough):
            yield Stretch(first, last)
            total = best = 0.0
    if best >= rule.enough:
        yield Stretch(first, last)


def _worth(part: Part, english: Sequence[Part], rule: Rule, is_spelled: Callable[[str], bool]) -> float:
    if part.text in PAUSES:
        return 0.0
    better = part.score - mean_score(english, part.first, part.last)
    better = max(-FARTHEST, min(FARTHEST, better))
    if is_spelled(part.text):
        return rule.spelled + rule.difference * better
    return -rule.sound + rule.difference * min(better, 0.0)


def mean_score(heard: Sequence[Part], first: int, last: int) -> float:
    """The score of a frame in frames `first` to `last`, on average; 0 where nothing was heard."""
    total, frames = 0.0, 0
    for each in heard:
        shared = min(last, each.last) - max(first, each.first) + 1
        if shared > 0:
            total += each.score * shared
            frames += shared
    return total / max(frames, 1)


def joined(found: Sequence[Stretch]) -> list[Stretch]:
    """The same without overlaps, in order."""
    whole: list[Stretch] = []
    for each in sorted(found):
        if whole and each.first <= whole[-1].last + 1:
            whole[-1] = Stretch(whole[-1].first, max(whole[-1].last, each.last))
        else:
            whole.append(each)
    return whole
