"""`overheard-lab rogues`: play them, judge them, show the matrix."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lab.errors import RunError
from lab.rogues.every import ROGUES
from lab.rogues.matrix import show, write
from lab.rogues.rogue import Rogue
from lab.rogues.run import Row, play, scenes, unplayable


def run(directory: Path, names: Sequence[str], console: Console) -> int:
    """Play the rogues of these names, or all; 0: every one is caught and the honest firmware clean, else 1.

    Raises:
        RunError: there is no rogue of such a name, or `directory` holds something else.
    """
    chosen = _chosen(names)
    skipped = [(rogue, why) for rogue in chosen if (why := unplayable(rogue)) is not None]
    here = [rogue for rogue in chosen if unplayable(rogue) is None]
    rows: list[Row] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("honest", total=len(here) + len(scenes(here)))
        for row in play(here, directory):
            rows.append(row)
            progress.update(task, advance=1, description=row.rogue.name if row.rogue else "honest")
    show(rows, skipped, console)
    console.print(f"matrix: {write(rows, directory)}", highlight=False, soft_wrap=True)
    return 0 if all(row.right for row in rows) and not skipped else 1


def _chosen(names: Sequence[str]) -> list[Rogue]:
    known = {rogue.name: rogue for rogue in ROGUES}
    for name in names:
        if name not in known:
            raise RunError(f"rogue {name}: there is none; choose {', '.join(known)}")
    return [known[name] for name in names] if names else list(ROGUES)
