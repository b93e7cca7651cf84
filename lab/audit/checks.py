"""Every check of the audit, in the order in which they are made."""

from collections.abc import Iterator

from lab.audit import doors, envelopes, ledger, memory, outside, shredded, sound, stores
from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence
from lab.audit.verdicts import Check, Finding


def _line(_evidence: Evidence) -> Iterator[Finding]:
    """What went past the broker is on the wire alone."""
    raise NotGiven("a capture of the device's link, which this release cannot read yet")


CHECKS: tuple[Check, ...] = (
    *ledger.CHECKS,
    *envelopes.CHECKS,
    Check("capture.no_other_way", 1, "no sound left by another way", _line),
    Check("capture.nothing_else", 5, "nothing left the device but what its ledger has", _line),
    *sound.CHECKS,
    *outside.CHECKS,
    *memory.CHECKS,
    *stores.CHECKS,
    *shredded.CHECKS,
    *doors.CHECKS,
)
