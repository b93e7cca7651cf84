"""A limit, what was measured, and whether it holds: the lines that `scripts/bench` repeats at its end."""

from typing import NamedTuple


class Limit(NamedTuple):
    """`measured` must stay below `limit`, or with `at_least` must reach it; `unit` is printed after both."""

    what: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def held(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        verdict = "PASS" if self.held else "FAIL"
        return f"{verdict}  {self.what}: {self.measured:.4g} {self.unit} ({bound} {self.limit:g})"


def show(*limits: Limit) -> int:
    """Print them; return the exit code: 1 if one is missed."""
    print(*limits, sep="\n")
    return 0 if all(limit.held for limit in limits) else 1
