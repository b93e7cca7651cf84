"""Every check of the audit, in the order in which they are made. docs/audit.md says what each can't show."""

from lab.audit.verdicts import Check

CHECKS: tuple[Check, ...] = ()
