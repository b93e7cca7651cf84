"""Every check of the audit, in the order in which they are made."""

from lab.audit import doors, envelopes, ledger, memory, outside, shredded, sound, stores
from lab.audit.line import checks as line
from lab.audit.verdicts import Check

CHECKS: tuple[Check, ...] = (
    *ledger.CHECKS,
    *envelopes.CHECKS,
    *line.CHECKS,
    *sound.CHECKS,
    *outside.CHECKS,
    *memory.CHECKS,
    *stores.CHECKS,
    *shredded.CHECKS,
    *doors.CHECKS,
)
