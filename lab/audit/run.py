"""The audit from the command line: look, show, write it down, answer with an exit code."""

from pathlib import Path

from rich.console import Console

from lab.audit import messages, report
from lab.audit.checks import CHECKS
from lab.audit.errors import AuditError
from lab.audit.evidence import Evidence, Given
from lab.audit.show import looking, show
from lab.audit.verdicts import Verdict, exit_code, judge
from lab.audit.written import FILE, written


def run(given: Given, out: Path | None, console: Console) -> int:
    """Audit; 0: every promise is kept, 1: one is broken, 3: none is broken and one not provable.

    out: where both go; the folder that is audited, if None.

    Raises:
        AuditError: there is no such folder, nothing in it to look at, or a file that was named is not there.
    """
    _there(given)
    with looking(console, len(CHECKS)) as shown:
        evidence = Evidence(given, shown.reading)
        verdicts = judge(evidence, CHECKS, shown.watch)
    show(verdicts, console)
    into = out or given.directory
    into.mkdir(parents=True, exist_ok=True)
    (into / FILE).write_bytes(written(given, verdicts))
    (into / report.FILE).write_text(report.page(evidence, verdicts), encoding="utf-8")
    names = ", ".join(messages.write(messages.lines(evidence, verdicts), into))
    console.print(f"report: {into / report.FILE}; every message: {names}", highlight=False, soft_wrap=True)
    return exit_code(verdicts)


def audit(given: Given) -> list[Verdict]:
    """Return the verdict on every promise."""
    return judge(Evidence(given), CHECKS)


def _there(given: Given) -> None:
    if not given.directory.is_dir():
        raise AuditError(f"{given.directory}: no such folder; name the folder of a run")
    if not any(given.directory.iterdir()):
        raise AuditError(f"{given.directory}: empty; name the folder of a run")
    for path in given.files:
        if not path.is_file():
            raise AuditError(f"{path}: no such file; name one that is there")
