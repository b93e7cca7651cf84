"""verdict.json: everything that an audit found, for other programs. Stable: same evidence, same bytes."""

from hashlib import file_digest
from pathlib import Path

import msgspec

from lab.audit import messages
from lab.audit.evidence import Given
from lab.audit.verdicts import Result, Verdict

FILE = "verdict.json"


class FoundJson(msgspec.Struct, frozen=True):
    """A finding."""

    what: str
    where: str


class CheckJson(msgspec.Struct, frozen=True):
    """A check; state is holds, found or not given."""

    name: str
    layer: str
    shows: str
    state: str
    findings: list[FoundJson]
    needs: str


class PromiseJson(msgspec.Struct, frozen=True):
    """A promise; state is kept, broken or not provable."""

    promise: int
    title: str
    state: str
    checks: list[CheckJson]


class VerdictJson(msgspec.Struct, frozen=True):
    """The file. `given` has the SHA-256 of every file of evidence, by its name in the folder."""

    v: int
    given: dict[str, str]
    promises: list[PromiseJson]


def written(given: Given, verdicts: list[Verdict]) -> bytes:
    """Return verdict.json of an audit."""
    promises = [
        PromiseJson(each.promise, each.title, each.state, [_check(result) for result in each.results])
        for each in verdicts
    ]
    return msgspec.json.format(msgspec.json.encode(VerdictJson(1, _hashes(given), promises))) + b"\n"


def _check(result: Result) -> CheckJson:
    check, findings = result.check, [FoundJson(*finding) for finding in result.findings]
    return CheckJson(check.name, check.layer, check.shows, result.state, findings, result.needs)


def _hashes(given: Given) -> dict[str, str]:
    inside = {
        path.name: path
        for path in given.directory.iterdir()
        if path.is_file() and path.name not in (FILE, "audit.html", *messages.NAMES)
    }
    named = {path.name: path for path in given.files}
    return {name: _hash(path) for name, path in sorted({**inside, **named}.items())}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
