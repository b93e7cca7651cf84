"""The command `overheard-lab fingerprint`: traces in, a table out; with --out a page, and files for others.

What can be wrong is found before anything is attacked. Nothing is written into the folder of the traces.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from lab.fingerprint import report, show
from lab.fingerprint.attack import ATTACKS, Measured, check, measure
from lab.fingerprint.errors import FingerprintError
from lab.fingerprint.traces import Trace, sets
from lab.study.errors import readable

INTERRUPTED = 130


def run(directory: Path, out: Path | None) -> int:
    """Attack the traces in `directory`; print a table, and leave a page in `out`. Return the exit code.

    0; 130 when interrupted.

    Raises:
        FingerprintError: the traces, the folder or what is installed cannot be used. OSError: no room.
    """
    check()
    if out is not None and out.resolve().is_relative_to(directory.resolve()):
        raise FingerprintError(
            f"{out}: inside the folder of the traces, where nothing is written; name another"
        )
    console = Console(stderr=True)
    try:
        measured = _measure(sets(directory), console)
    except KeyboardInterrupt:
        console.print("interrupted; nothing was measured")
        return INTERRUPTED
    table = Console()
    show.show(measured, table if table.is_terminal else Console(width=118))
    if out is not None:
        page = report.write(out, measured)
        console.print(f"report: {readable(str(page))}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _measure(found: dict[str, list[Trace]], console: Console) -> Sequence[Measured]:
    measured = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=2 * len(ATTACKS) * len(found))
        for name, traces in found.items():
            progress.update(bar, description=readable(name))
            measured.append(measure(readable(name), traces, lambda: progress.advance(bar)))
    return measured
