"""Findings as lines for a person, and as JSON for a program."""

from collections.abc import Iterable, Iterator

import msgspec

from device.doctor.finding import Finding

_WIDTH = 12


def as_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield one line a finding, as soon as it is there."""
    for check, word, what, do in findings:
        yield f"{word:<5} {check:<{_WIDTH}} {what}" + (f"; {do}" if do else "")


def as_json(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield one JSON object a finding."""
    for finding in findings:
        yield msgspec.json.encode(finding._asdict()).decode()
