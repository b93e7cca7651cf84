"""From checks to verdicts. A check looks at one layer of the evidence for one promise.

A promise is *broken* if any check found something, *not provable* if any check had nothing to look at, and
*kept* only if every check that the promise has was made and found nothing. Evidence that cannot be read
breaks what it was to show: an auditor who shrugs at a damaged ledger could be had for the price of one byte.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence

Layer = Literal["ledger", "capture", "envelope", "audio", "world", "memory", "cloud"]
LAYERS: tuple[Layer, ...] = ("ledger", "capture", "envelope", "audio", "world", "memory", "cloud")

State = Literal["kept", "broken", "not provable"]

PROMISES = {
    1: "Deaf before the trigger",
    2: "Mute closes the microphone",
    3: "No remote ear",
    4: "Sealed at once",
    5: "Written down before it leaves",
    6: "Sealed for named readers",
    7: "Listening always shows, and always ends",
    8: "Deleted is gone",
    9: "Who listened is shown",
}


class Finding(NamedTuple):
    """Evidence of a broken promise: what, in a sentence, and where to see it (line, packet, sample)."""

    what: str
    where: str


class Check(NamedTuple):
    """One way to look at a promise. `look` yields what it finds, or raises NotGiven or Damaged.

    name: `layer.what`, as in `ledger.tree`; shows: what is true when it finds nothing, in a sentence.
    """

    name: str
    promise: int
    shows: str
    look: Callable[[Evidence], Iterable[Finding]]

    @property
    def layer(self) -> Layer:
        """The layer of the evidence that it looks at."""
        return next(layer for layer in LAYERS if self.name.startswith(layer + "."))


class Result(NamedTuple):
    """What came of a check. Without findings, and with nothing that it needs, it holds."""

    check: Check
    findings: tuple[Finding, ...] = ()
    needs: str = ""

    @property
    def state(self) -> Literal["holds", "found", "not given"]:
        """Whether it holds, found something, or had nothing to look at."""
        return "found" if self.findings else "not given" if self.needs else "holds"


class Verdict(NamedTuple):
    """What is to be said of a promise, and the results that it stands on."""

    promise: int
    results: tuple[Result, ...]

    @property
    def title(self) -> str:
        """The promise in words."""
        return PROMISES[self.promise]

    @property
    def state(self) -> State:
        """Kept, broken or not provable."""
        if any(result.findings for result in self.results):
            return "broken"
        if not self.results or any(result.needs for result in self.results):
            return "not provable"
        return "kept"

    @property
    def findings(self) -> list[tuple[Check, Finding]]:
        """Everything that speaks against it."""
        return [(result.check, finding) for result in self.results for finding in result.findings]

    @property
    def needs(self) -> list[str]:
        """What would have to be given, each thing once."""
        return list(dict.fromkeys(result.needs for result in self.results if result.needs))


def judge(
    evidence: Evidence, checks: Iterable[Check], watch: Callable[[Check], None] = lambda _check: None
) -> list[Verdict]:
    """Make every check and return a verdict on every promise, in order. `watch` is told what is next."""
    results: list[Result] = []
    for check in checks:
        watch(check)
        results.append(make(check, evidence))
    return [
        Verdict(promise, tuple(result for result in results if result.check.promise == promise))
        for promise in PROMISES
    ]


def make(check: Check, evidence: Evidence) -> Result:
    """Make one check."""
    found: list[Finding] = []
    try:
        for finding in _until_damage(check, evidence):
            found.append(finding)  # what was found before something is missing stays
    except NotGiven as missing:
        return Result(check, tuple(found), str(missing))
    return Result(check, tuple(found))


def _until_damage(check: Check, evidence: Evidence) -> Iterator[Finding]:
    try:
        yield from check.look(evidence)
    except Damaged as damage:
        yield Finding(damage.what, damage.where)


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0: all kept; 1: one is broken; 3: none is broken, and one not provable."""
    states = {verdict.state for verdict in verdicts}
    return 1 if "broken" in states else 3 if "not provable" in states else 0
