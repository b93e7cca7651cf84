"""How far listeners agree, from counts that name no recording: they may stay when recordings go. Pure.

Krippendorff's alpha (nominal) over pairs of judgements, from their counts alone.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import krippendorff
import numpy as np

Pair = tuple[str, str]
"""What two people answered to one question, in alphabetical order: who said which is not kept."""


class Agreement(NamedTuple):
    """alpha: 1 for perfect, 0 for chance; None while it is not defined (nobody ever differed in kind)."""

    question: str
    pairs: int
    same: int
    alpha: float | None


def pair(one: str, other: str) -> Pair:
    """Two answers without their order."""
    first, second = sorted((one, other))
    return first, second


def agreement(question: str, counts: Mapping[Pair, int]) -> Agreement:
    """The agreement on one question, from how often each pair of answers was given."""
    pairs = sum(counts.values())
    same = sum(count for (one, other), count in counts.items() if one == other)
    return Agreement(question, pairs, same, _alpha(counts))


def _alpha(counts: Mapping[Pair, int]) -> float | None:
    answers = sorted({answer for each, count in counts.items() if count for answer in each})
    if len(answers) < 2:
        return None
    rows: list[list[int]] = []
    for each, count in sorted(counts.items()):
        said = Counter(each)
        rows += [[said[answer] for answer in answers]] * count
    return float(krippendorff.alpha(value_counts=np.array(rows), level_of_measurement="nominal"))
