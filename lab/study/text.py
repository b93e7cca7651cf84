"""Figures as people read them: two digits that matter, an interval beside its value. Pure."""

from lab.study.statistics import Interval

NOTHING = "–"
"""What stands where nothing was measured."""


def rate_text(interval: Interval | None) -> str:
    """Write a rate with its interval: `0.95 (0.45 to 1.74)`."""
    if interval is None:
        return NOTHING
    return f"{number(interval.value)} ({number(interval.low)} to {number(interval.high)})"


def share_text(interval: Interval | None) -> str:
    """Write a share with its interval: `98.2 % (94.8 to 99.4)`."""
    if interval is None:
        return NOTHING
    return f"{percent(interval.value)} % ({percent(interval.low)} to {percent(interval.high)})"


def number(value: float) -> str:
    """Write a number with two decimals, three below a tenth, fewer when it is large."""
    if value < 0.0005:
        return "0"
    digits = 3 if value < 0.0995 else 2 if value < 99.5 else 0
    return f"{value:,.{digits}f}"


def percent(value: float) -> str:
    """Write a share of 1 as a percentage with one decimal, and none where it is whole."""
    return f"{100 * value:.1f}".removesuffix(".0")


def seconds(value: float | None) -> str:
    """Write a length in seconds with one decimal."""
    return NOTHING if value is None else f"{value:.1f}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: `1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
