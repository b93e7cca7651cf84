"""The audit from the command line: look, show, write, answer with an exit code."""

from rich.console import Console

from lab.audit.checks import CHECKS
from lab.audit.errors import AuditError
from lab.audit.evidence import Evidence, Given
from lab.audit.verdicts import Verdict, exit_code, judge


def run(given: Given, console: Console) -> int:
    """Audit; 0: every promise is kept, 1: one is broken, 3: none is broken and one not provable.

    Raises:
        AuditError: there is no such folder, or nothing in it.
    """
    if not given.directory.is_dir():
        raise AuditError(f"{given.directory}: no such folder; name the folder of a run")
    verdicts = audit(given)
    for verdict in verdicts:
        console.print(f"{verdict.promise}  {verdict.title}: {verdict.state}", highlight=False)
    return exit_code(verdicts)


def audit(given: Given) -> list[Verdict]:
    """Return the verdict on every promise."""
    return judge(Evidence(given), CHECKS)
