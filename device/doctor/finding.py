"""What a check found: a word, what it saw, and what to do next."""

from typing import Literal, NamedTuple

Word = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """One check's result. `do` is empty where all is well, and nowhere else."""

    check: str
    word: Word
    what: str
    do: str = ""


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", what)


def warn(check: str, what: str, do: str) -> Finding:
    """It works, or could not be looked at; somebody should know."""
    return Finding(check, "warn", what, do)


def fail(check: str, what: str, do: str) -> Finding:
    """It does not work."""
    return Finding(check, "fail", what, do)


def failed(check: str, error: Exception) -> Finding:
    """What an error of ours says: where, what; and what to do."""
    what, _, do = " ".join(str(error).split()).rpartition("; ")
    return fail(check, what or do, do if what else "see what it names")
