"""Whether a wake comes again: the same place of the same file, over the rounds. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from lab.study.records import Heard, Item

SAME_S = 1.0
"""Wakes so far apart or nearer are at the same place."""


class Place(NamedTuple):
    """Where something woke the speaker in one round or more."""

    file: str
    condition: str
    word: str
    at_s: float
    """The earliest of its wakes."""
    positive: bool
    came: int
    """In how many rounds it came."""
    rounds: int
    """In how many rounds the file was heard."""
    said: str | None

    @property
    def share(self) -> float:
        """Rounds in which it came by rounds: what PETS 2020 calls repeatability."""
        return self.came / self.rounds


class Places:
    """All places of a study, and the one that a wake belongs to."""

    def __init__(self, items: Iterable[Item], heard: Iterable[Heard]) -> None:
        rounds: dict[tuple[str, str], int] = {}
        for item in items:
            where = item.file, item.condition
            rounds[where] = rounds.get(where, 0) + 1
        self.all: list[Place] = []
        self._of: dict[Heard, Place] = {}
        for together in _together(heard):
            first = together[0]
            came = len({wake.round for wake in together})
            place = Place(
                first.file, first.condition, first.word, first.at_s, first.positive, came,
                rounds[first.file, first.condition], first.said,
            )  # fmt: skip
            self.all.append(place)
            self._of.update(dict.fromkeys(together, place))

    def of(self, wake: Heard) -> Place | None:
        """Return where that was; None if it was rejected, so that nothing came of it."""
        return self._of.get(wake)


def _together(heard: Iterable[Heard]) -> Iterator[list[Heard]]:
    """Yield the accepted wakes that are at the same place, in order of time."""
    accepted = sorted((wake for wake in heard if wake.accepted), key=lambda wake: (*_where(wake), wake.at_s))
    for _, wakes in groupby(accepted, key=_where):
        together: list[Heard] = []
        for wake in wakes:
            if together and wake.at_s - together[0].at_s > SAME_S:
                yield together
                together = []
            together.append(wake)
        yield together


def _where(wake: Heard) -> tuple[str, str, str]:
    return wake.file, wake.condition, wake.word
