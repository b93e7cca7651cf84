"""What was found of the walls."""

from typing import NamedTuple, Self

_IN_FORCE, _MISSING = "in force: ", "; missing: "


class Protections(NamedTuple):
    """Names of what is in force, and of what is missing."""

    in_force: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        """One line, for a person and for the ledger."""
        return f"{_IN_FORCE}{_listed(self.in_force)}{_MISSING}{_listed(self.missing)}"

    @classmethod
    def of(cls, line: str) -> Self:
        """What `str` wrote."""
        in_force, _, missing = line.removeprefix(_IN_FORCE).partition(_MISSING)
        return cls(_names(in_force), _names(missing))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _names(listed: str) -> tuple[str, ...]:
    return () if listed == "none" else tuple(listed.split(", "))
