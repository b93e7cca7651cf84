"""What a study comes to: false wakes an hour, recall, durations, repeatability, in all and by part. Pure.

A file is a trial of a wake word if it says it, and otherwise audio in which every wake is false. Hours and
wakes of all rounds and conditions count; intervals know that they are the same audio.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from lab.study.moments import OFTEN
from lab.study.places import Places
from lab.study.records import Heard, Item, Study
from lab.study.statistics import Durations, Interval, durations, rate, share

HOUR_S = 3600
TEN_THOUSAND = 10_000


class Hearing(NamedTuple):
    """One hearing of one file by one word's ears: what they proposed in it."""

    item: Item
    heard: tuple[Heard, ...]
    positive: bool
    """The file says the word."""

    @property
    def woke(self) -> bool:
        """Whether anything was accepted."""
        return any(one.accepted for one in self.heard)


class Again(msgspec.Struct, frozen=True):
    """How false wakes repeat over the rounds: their places, and how many came again."""

    rounds: int
    distinct: int
    often: int
    """How many came in more than three quarters of the rounds."""
    always: int
    """How many came in every round."""
    once: int
    """How many came in one round and no other."""


class Figures(msgspec.Struct, frozen=True):
    """What was measured of one wake word in some of the audio."""

    name: str
    word: str
    files: int
    """Files without the word, each once."""
    hours: float
    """Hours without the word, of all rounds and conditions."""
    rejected: int
    """Proposals without the word that the second ear rejected."""
    false_wakes: int
    per_hour: Interval | None
    per_10k_words: Interval | None
    words: int
    durations: Durations | None
    """How long the false wakes would have been listened to."""
    positives: int
    """Hearings of files that say the word, but for those that broke off."""
    woken: int
    recall: Interval | None
    again: Again | None
    """None of a single round, or without false wakes."""


def hearings(study: Study, word: str) -> list[Hearing]:
    """Return every hearing of a study with what this word's ears proposed, in the study's order."""
    by_key: dict[tuple[str, int, str], list[Heard]] = defaultdict(list)
    for one in study.heard:
        if one.word == word:
            by_key[one.file, one.round, one.condition].append(one)
    return [
        Hearing(item, tuple(by_key[item.file, item.round, item.condition]), item.label == word)
        for item in study.items
    ]


def figures(name: str, word: str, among: Sequence[Hearing]) -> Figures:
    """Return the figures of some hearings."""
    negatives = [one for one in among if not one.positive]
    positives = [one for one in among if one.positive and not one.item.error]
    false = [wake for one in negatives for wake in one.heard if wake.accepted]
    spoken = [one for one in negatives if one.item.words and not one.item.error]
    words, hours = sum(one.item.words or 0 for one in spoken), _hours(negatives)
    said = sum(wake.accepted for one in spoken for wake in one.heard)
    woken = sum(one.woke for one in positives)
    return Figures(
        name=name,
        word=word,
        files=len({one.item.file for one in negatives}),
        hours=hours,
        rejected=sum(len(one.heard) for one in negatives) - len(false),
        false_wakes=len(false),
        per_hour=rate(len(false), hours, times(negatives)),
        per_10k_words=rate(said, words / TEN_THOUSAND, times(spoken)),
        words=words,
        durations=durations([wake.sent_s for wake in false]),
        positives=len(positives),
        woken=woken,
        recall=share(woken, len(positives), times(positives)),
        again=_again(negatives),
    )


def split(word: str, among: Iterable[Hearing], by: Callable[[Item], str]) -> list[Figures]:
    """Return the figures of each part, such as each condition, in the order in which the parts come."""
    parts: dict[str, list[Hearing]] = defaultdict(list)
    for one in among:
        parts[by(one.item)].append(one)
    return [figures(name, word, part) for name, part in parts.items()]


def times(among: Sequence[Hearing]) -> float:
    """Return how often the same audio was heard, on the average over its length."""
    once = {one.item.file: one.item.seconds for one in among}
    total_s = sum(once.values())
    return sum(one.item.seconds for one in among) / total_s if total_s else 1.0


def _hours(among: Iterable[Hearing]) -> float:
    return sum(one.item.seconds for one in among) / HOUR_S


def _again(negatives: Sequence[Hearing]) -> Again | None:
    false = [wake for one in negatives for wake in one.heard if wake.accepted]
    places = Places([one.item for one in negatives], false).all
    rounds = max((place.rounds for place in places), default=1)
    if rounds == 1:
        return None
    return Again(
        rounds=rounds,
        distinct=len(places),
        often=sum(place.share > OFTEN for place in places),
        always=sum(place.came == place.rounds for place in places),
        once=sum(place.came == 1 for place in places),
    )
