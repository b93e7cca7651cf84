"""The audit: every control over all evidence, and a report that is signed."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.controls import about_keeping, about_listening, about_people
from cloud_stub.controls.evidence import Evidence, Sources, gather
from device.ledger import Checkpoint, Signer, sign

Control = Callable[[Evidence], Iterator[str]]

CONTROLS: Mapping[str, Control] = {
    "second factors": about_people.second_factors,
    "roles": about_people.roles,
    "suspensions": about_people.removals_and_suspensions,
    "caps": about_people.caps,
    "cases": about_people.cases,
    "tasks": about_listening.tasks,
    "passed around": about_listening.passed_around,
    "consent": about_listening.consent,
    "identification": about_listening.identification,
    "blind": about_listening.blind,
    "share": about_keeping.share,
    "draws": about_keeping.draws,
    "retention": about_keeping.retention,
    "deletions": about_keeping.deletions,
}
"""Each says what it holds in its first line, and yields a finding a line."""

NAME = "overheard-cloud/audit"


class Finding(NamedTuple):
    """What a control found."""

    control: str
    text: str


class Report(NamedTuple):
    """What was found, of what evidence. heads: of the ledgers that were read."""

    at: datetime
    findings: list[Finding]
    heads: list[Checkpoint]
    people: int
    recordings: int

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def text(self) -> str:
        """The report, a control a line, each followed by what it found."""
        lines = [f"overheard-cloud audit of {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]
        lines.append(f"{self.people} people, {self.recordings} recordings")
        lines += [f"ledger {head.origin} {head.size} {head.root.hex()}" for head in self.heads]
        for control in CONTROLS:
            found = [each.text for each in self.findings if each.control == control]
            lines.append(f"{'FAILED' if found else 'passed'} {control}")
            lines += [f"  {text}" for text in found]
        return "\n".join(lines) + "\n"

    def signed(self, key: Ed25519PrivateKey) -> str:
        """The report as a signed note (C2SP)."""
        return sign(self.text(), Signer(NAME, key))


def audit(sources: Sources, now: datetime) -> Report:
    """Look at everything. Raises StorageError where something cannot be read."""
    heads = [sources.vault.access_head(), sources.people.events_head()]
    seen = gather(sources, now)
    findings = [Finding(name, text) for name, control in CONTROLS.items() for text in control(seen)]
    return Report(now, findings, heads, len(seen.people), len(seen.held))
