"""A logarithmic scale with a place for zero at its lower end; round ticks for it and for hours. Pure."""

import math
from collections.abc import Iterable

import msgspec

ZERO_PART = 0.08
"""So much of a scale's length, at its lower end, belongs to zero."""


class LogScale(msgspec.Struct, frozen=True):
    """From `low` to `high`, both above 0; zero stands at the lower end, a gap below `low`."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where a value stands, from 0 to 1; what is outside stands at the end."""
        if value <= 0:
            return 0.0
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return ZERO_PART + (1 - ZERO_PART) * min(1.0, max(0.0, part))

    def ticks(self) -> list[float]:
        """Return zero and the round values in range: 1, 2, 5 of a decade, or only its 1 if there are many."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        leads = (1, 2, 5) if len(decades) <= 3 else (1,)
        values = (lead * 10.0**decade for decade in decades for lead in leads)
        return [0.0, *(value for value in values if self.low * 0.999 <= value <= self.high * 1.001)]


def around(values: Iterable[float], most: float | None = None) -> LogScale:
    """Return a scale from the decade below the smallest value but 0 to that above the largest, or `most`."""
    above = [value for value in values if value > 0] or [1.0]
    low, high = 10.0 ** math.floor(math.log10(min(above))), 10.0 ** math.ceil(math.log10(max(above)))
    high = high if most is None else most
    return LogScale(low, high if high > low else low * 10)


HOUR_STEPS = (
    1 / 60,
    2 / 60,
    5 / 60,
    10 / 60,
    0.25,
    0.5,
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1000,
    2000,
    5000,
)


def hour_ticks(hours: float, most: int = 10) -> list[tuple[float, str]]:
    """Return at most about `most` round times of a stretch of hours, each with its label."""
    step = next((step for step in HOUR_STEPS if hours / step <= most), HOUR_STEPS[-1])
    ticks = (number * step for number in range(int(hours / step + 1e-9) + 1))
    if step < 1:
        return [(tick, f"{round(tick * 60)} min") for tick in ticks]
    return [(tick, f"{round(tick)} h") for tick in ticks]
