"""Heads on trial: what they give to recordings that they have not learnt from, and where thresholds lie.

Recordings are split by speaker, or by file where the speaker is unknown. Pure: tracks in, numbers out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from device.wakeword.head import Thresholds
from lab.teaching.fit import Row
from lab.teaching.track import Track

LOWEST, HIGHEST = 0.001, 0.9999


class Wish(NamedTuple):
    """What a sensitivity stands for: so many false wakes an hour of negatives chosen hard, and no fewer."""

    per_hour: float
    margin: float
    """Added to the threshold's logit: what was chosen on few recordings must hold on more."""


WISHES: Mapping[str, Wish] = {"careful": Wish(0.0, 0.3), "balanced": Wish(2.0, 0.0), "eager": Wish(4.0, 0.0)}


def best(row: Row, track: Track, propose: float) -> float:
    """Return the second ear's best score of all proposals of a recording; 0 when there is none."""
    return max((row.best(track, proposal) for proposal in track.proposals(propose)), default=0.0)


def false_scores(row: Row, tracks: Sequence[Track], propose: float) -> list[float]:
    """Return the score of every proposal in recordings without the word."""
    return [row.best(track, proposal) for track in tracks for proposal in track.proposals(propose)]


def threshold(scores: Sequence[float], hours: float, wish: Wish) -> float:
    """Return the lowest threshold with at most `wish.per_hour` of these scores at or above it.

    It lies between LOWEST and HIGHEST, even if a score is higher.
    """
    allowed = int(wish.per_hour * hours)
    ranked = sorted(scores, reverse=True)
    edge = ranked[allowed] if allowed < len(ranked) else LOWEST
    edge = min(max(edge, LOWEST), HIGHEST)
    logit = np.log(edge / (1 - edge))
    raised = float(1 / (1 + np.exp(-(logit + wish.margin + 0.01))))
    return round(min(max(raised, LOWEST), HIGHEST), 4)


def thresholds(scores: Sequence[float], hours: float) -> Thresholds:
    """Return the thresholds of all sensitivities."""
    return Thresholds(**{name: threshold(scores, hours, wish) for name, wish in WISHES.items()})
