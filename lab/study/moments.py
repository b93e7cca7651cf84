"""Lights of several rounds, made one where they are the same moment of what was played. Pure.

It is the rule of the PETS 2020 study (`lab.study.pets` says where it stands), for theirs and ours beside it.
"""

from collections.abc import Iterable
from itertools import groupby

import msgspec

SAME_S = 5
"""Wakes no further apart than this are one moment."""
OFTEN = 0.75
"""The study's highest class of repeatability: more than this share of the runs."""


class Moment(msgspec.Struct, frozen=True):
    """A moment at which a speaker woke, and the runs in which it did."""

    played: str
    """What was being played: an episode, a file."""
    start_s: float
    stop_s: float
    duration_s: float
    """The longest of the wakes that it is made of."""
    runs: frozenset[str]
    out_of: int
    """How many runs there were."""

    @property
    def often(self) -> bool:
        """Whether it is of the highest class of repeatability."""
        return len(self.runs) / self.out_of > OFTEN


def merge(found: Iterable[Moment], within_s: float) -> list[Moment]:
    """Make one of moments in the same play when the earlier stops at most `within_s` before the later starts.

    They are taken by their stop, the last first, so that they join in chains. Sorted by played and stop.
    """
    merged: list[Moment] = []
    by_stop = sorted(found, key=lambda one: (one.played, one.stop_s))
    for _, group in groupby(by_stop, key=lambda one: one.played):
        later, *earlier = reversed(list(group))
        chain: list[Moment] = []
        for one in earlier:
            if one.stop_s >= later.start_s - within_s:
                later = _join(one, later)
            else:
                chain.append(later)
                later = one
        merged += [later, *reversed(chain)]
    return merged


def _join(earlier: Moment, later: Moment) -> Moment:
    return Moment(
        later.played,
        min(later.start_s, earlier.start_s),
        later.stop_s,
        max(later.duration_s, earlier.duration_s),
        later.runs | earlier.runs,
        later.out_of,
    )
