"""The trade of misses against false wakes (DET), over every threshold that could have been set. Pure.

The score is the second ear's; where there is none, the first's. What the first ear did not propose wakes at
no threshold of the second: a file that says the word and drew no proposal is a miss at all of them.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping

import msgspec

from lab.study.figures import HOUR_S, Hearing, times
from lab.study.records import Heard
from lab.study.statistics import Interval, rate, share

SILENT = -math.inf
"""The score of a file that drew no proposal: below every threshold."""


class Trials(msgspec.Struct, frozen=True):
    """The scores of one word, sorted: the best in each file that says it, and each false proposal's."""

    spoken: tuple[float, ...]
    """`SILENT` where there was no proposal."""
    false: tuple[float, ...]
    hours: float
    """How much audio without the word there was."""
    spoken_times: float = 1
    """How often the same audio with the word was heard."""
    times: float = 1
    """How often the same audio without it was."""


class Point(msgspec.Struct, frozen=True):
    """What comes of a threshold: proposals that score it or more wake."""

    threshold: float
    """Infinity: nothing wakes."""
    false_wakes: int
    misses: int
    per_hour: float | None
    """None without audio to be wrong in."""
    miss_rate: float | None
    """None without files that say the word."""


def score(proposal: Heard) -> float:
    """Return the score that decides."""
    return proposal.first if proposal.second is None else proposal.second


def trials(hearings: Iterable[Hearing], condition: str | None = None) -> Trials:
    """Return the scores of one word's hearings, with files that say it in all conditions or in one.

    Files with the word that broke off are no trials.
    """
    among = list(hearings)
    negatives = [one for one in among if not one.positive]
    positives = [
        one
        for one in among
        if one.positive and not one.item.error and condition in (None, one.item.condition)
    ]
    return Trials(
        spoken=tuple(sorted(max(map(score, one.heard), default=SILENT) for one in positives)),
        false=tuple(sorted(score(proposal) for one in negatives for proposal in one.heard)),
        hours=sum(one.item.seconds for one in negatives) / HOUR_S,
        spoken_times=times(positives),
        times=times(negatives),
    )


def at(tried: Trials, threshold: float) -> Point:
    """Return what comes of a threshold above `SILENT`."""
    false_wakes = len(tried.false) - bisect_left(tried.false, threshold)
    misses = bisect_left(tried.spoken, threshold)
    return Point(
        threshold,
        false_wakes,
        misses,
        false_wakes / tried.hours if tried.hours else None,
        misses / len(tried.spoken) if tried.spoken else None,
    )


def curve(tried: Trials) -> list[Point]:
    """Return a point for every score that there was, falling, and before them one at which nothing wakes.

    Along it false wakes never fall and misses never rise.
    """
    scores = {score for score in (*tried.spoken, *tried.false) if score > SILENT}
    return [at(tried, threshold) for threshold in (math.inf, *sorted(scores, reverse=True))]


def operating_points(tried: Trials, thresholds: Mapping[str, float]) -> dict[str, Point]:
    """Return what comes of each sensitivity's threshold, by the sensitivity's name, in the order given."""
    return {name: at(tried, threshold) for name, threshold in thresholds.items()}


def wakes_an_hour(tried: Trials, point: Point) -> Interval | None:
    """Return a point's false wakes an hour with their interval."""
    return rate(point.false_wakes, tried.hours, tried.times)


def missed(tried: Trials, point: Point) -> Interval | None:
    """Return a point's miss rate with its interval."""
    return share(point.misses, len(tried.spoken), tried.spoken_times)
