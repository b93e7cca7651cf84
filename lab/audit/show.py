"""Verdicts on a terminal: a table, then the evidence, then what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from lab.audit.answer import QUESTION, answer
from lab.audit.verdicts import LAYERS, Check, Result, Verdict

_COLOURS = {"kept": "green", "broken": "bold red", "not provable": "yellow"}
_MARKS = {"holds": "✓", "found": "✗", "not given": "?"}
_MOST = 5
"""Findings of a promise that are shown; all of them are in verdict.json."""


class Looking:
    """What is being done, on a terminal: which check is made, and how far a long file is read."""

    def __init__(self, progress: Progress, checks: int) -> None:
        self._progress = progress
        self._task = progress.add_task("looking", total=checks, far="")

    def watch(self, check: Check) -> None:
        """This check is next."""
        self._progress.update(self._task, description=check.name, advance=1, far="")

    def reading(self, done: int, every: int) -> None:
        """So many bytes of so many were read."""
        self._progress.update(self._task, far=f"{100 * done // max(every, 1)} % of {every / 1e6:.0f} MB read")


@contextmanager
def looking(console: Console, checks: int) -> Iterator[Looking]:
    """Show what is done meanwhile."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TextColumn("{task.fields[far]}"), console=console, transient=True) as progress:
        yield Looking(progress, checks)


def show(verdicts: list[Verdict], console: Console) -> None:
    """Print everything that a person has to know."""
    said = answer(verdicts)
    console.print(
        f"[bold]{QUESTION} {said.word}.[/] {escape(said.sentence)}", highlight=False, soft_wrap=True
    )
    table = Table("", "promise", "verdict", *LAYERS, collapse_padding=True)
    for verdict in verdicts:
        state = f"[{_COLOURS[verdict.state]}]{verdict.state}[/]"
        marks = [_mark([each for each in verdict.results if each.check.layer == layer]) for layer in LAYERS]
        table.add_row(str(verdict.promise), verdict.title, state, *marks)
    console.print(table)
    console.print(
        "✓ looked, and found nothing   ✗ found something   ? had nothing to look at", highlight=False
    )
    for verdict in verdicts:
        _details(verdict, console)


def _details(verdict: Verdict, console: Console) -> None:
    for check, finding in verdict.findings[:_MOST]:
        what = f"promise {verdict.promise} is broken: {finding.what} ({finding.where}; {check.name})"
        console.print(f"[red]{escape(what)}[/]", highlight=False, soft_wrap=True)
    if len(verdict.findings) > _MOST:
        console.print(f"… and {len(verdict.findings) - _MOST} more", highlight=False)
    for need in verdict.needs:
        text = f"promise {verdict.promise} would need {need}"
        console.print(f"[yellow]{escape(text)}[/]", highlight=False, soft_wrap=True)


def _mark(results: list[Result]) -> str:
    """The worst mark of a layer's checks; nothing where it has none."""
    states = {result.state for result in results}
    return next((_MARKS[state] for state in ("found", "not given", "holds") if state in states), "")
