"""Intervals and percentiles: how sure a count, a share or a list of durations makes us. Pure.

Every interval is a 95 % interval. Counts need not be whole: audio that is heard three times counts once, so
seven wakes in three rounds are 7/3 wakes of it.
"""

import math
from collections.abc import Callable, Sequence

import msgspec

Z95 = 1.959964
TAIL = 0.025


class Interval(msgspec.Struct, frozen=True):
    """A value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Interval":
        """Return it in another unit."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a share, from 0 to 1 (Wilson 1927). `trials` is above 0."""
    share, z2 = successes / trials, Z95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def poisson(events: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a count's mean (Garwood 1936): for 0 events, 0 to 3.69."""
    low = _root(lambda mean: TAIL - _gamma_share(events, mean), events) if events else 0.0
    return low, _root(lambda mean: 1 - TAIL - _gamma_share(events + 1, mean), events)


def share(successes: float, trials: float, heard: float = 1) -> Interval | None:
    """Return a share with its Wilson interval, None of nothing; each trial was made `heard` times over."""
    if not trials:
        return None
    return Interval(successes / trials, *wilson(successes / heard, trials / heard))


def rate(events: float, exposure: float, heard: float = 1) -> Interval | None:
    """Return events by exposure (hours, 10,000 words) with its Poisson interval; None without exposure.

    The exposure holds the same audio `heard` times over. Hearing it again makes nothing surer, so the
    interval is that of one hearing: at worst too wide.
    """
    if not exposure:
        return None
    low, high = poisson(events / heard)
    return Interval(events / exposure, low * heard / exposure, high * heard / exposure)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile as MATLAB's prctile, the PETS study's tool, does (Hazen).

    The k-th smallest of n values stands at 100 (k - 1/2) / n percent; between two it is linear, outside of
    them the smallest or largest. `values` are not empty.
    """
    ordered = sorted(values)
    place = min(max(len(ordered) * percent / 100 - 0.5, 0.0), len(ordered) - 1.0)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class Durations(msgspec.Struct, frozen=True):
    """What the study tells of a list of durations, in seconds."""

    count: int
    p50_s: float
    p75_s: float
    p90_s: float
    max_s: float


def durations(seconds: Sequence[float]) -> Durations | None:
    """Return P50, P75, P90 and the longest; None of no durations."""
    if not seconds:
        return None
    return Durations(len(seconds), *(percentile(seconds, percent) for percent in (50, 75, 90, 100)))


def _root(falling: Callable[[float], float], events: float) -> float:
    """Return where a falling function of a mean crosses 0: no mean with such a tail lies beyond `high`."""
    low, high = 0.0, events + 10 * math.sqrt(events + 1) + 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return low


def _gamma_share(shape: float, x: float) -> float:
    """Return P(shape, x), the regularised lower incomplete gamma function; shape > 0, x >= 0.

    For a whole shape it is the chance that a Poisson count of mean x is at least shape. Abramowitz and Stegun
    6.5.29 below x = shape + 1; their continued fraction 6.5.31, by Lentz's method, above.
    """
    if x <= 0:
        return 0.0
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    return scale * _series(shape, x) if x < shape + 1 else 1 - scale * _fraction(shape, x)


def _series(shape: float, x: float) -> float:
    term = total = 1 / shape
    for n in range(1, 100_000):
        term *= x / (shape + n)
        total += term
        if term < total * 1e-16:
            break
    return total


def _fraction(shape: float, x: float) -> float:
    b = x + 1 - shape
    c, d = math.inf, 1 / b
    value = d
    for n in range(1, 100_000):
        a = n * (shape - n)
        b += 2
        d, c = 1 / (b + a * d), b + a / c
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
