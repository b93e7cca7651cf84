"""From scores to wakes, from wakes to misses and false wakes, and the threshold for a given number of them.

A wake is a score above the threshold, and none for the refractory period after it. The count of wakes never
rises with the threshold: what exceeds a higher one is a subset, and taking the first that is far enough from
the last makes the most of a set. So the threshold can be found by halving.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

REFRACTORY = 32_000  # samples: 2 s, ours and linux-voice-assistant's; the packages have none

Scores = npt.NDArray[np.float64]
"""Shape (n, 2): the sample index at which an engine knew, and its score there; in order."""


class Woken(NamedTuple):
    """A wake: the sample index of the trigger, and of the decision that it is one."""

    trigger: int
    decision: int


def wakes(scores: Scores, threshold: float, refractory: int = REFRACTORY) -> list[Woken]:
    """The wakes in one stream of scores."""
    found: list[Woken] = []
    for sample in scores[scores[:, 1] > threshold, 0].astype(int).tolist():
        if not found or sample >= found[-1].trigger + refractory:
            found.append(Woken(sample, sample))
    return found


def false_wakes(streams: Sequence[Scores], threshold: float) -> int:
    """How many wakes there are in streams without the word."""
    return sum(len(wakes(stream, threshold)) for stream in streams)


def tuned(streams: Sequence[Scores], allowed: int) -> float:
    """The lowest threshold with at most `allowed` wakes in streams without the word."""
    values = np.unique(np.concatenate([[0.0], *(stream[:, 1] for stream in streams)]))
    loud = [stream[stream[:, 1] > 0.01] for stream in streams]
    low, high = -1, len(values) - 1  # nothing exceeds the highest value; `low` is known to be too low
    while high - low > 1:
        middle = (low + high) // 2
        kept = streams if values[middle] < 0.01 else loud
        low, high = (low, middle) if false_wakes(kept, values[middle]) <= allowed else (middle, high)
    return float(values[high])


def lost_ms(trigger: int, onset: int, rate_hz: int = 16_000) -> float:
    """The milliseconds of a command that were over before capture began at the trigger."""
    return max(0, trigger - onset) * 1e3 / rate_hz


def as_good(ours: int, theirs: int) -> bool:
    """Whether they missed no more than we did, where there was anything to miss."""
    return theirs <= ours and (ours > 0 or theirs > 0)
