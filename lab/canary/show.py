"""A search on a terminal: how far it is, and how old the oldest sample was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from lab.canary import record
from lab.canary.forms import RATE_HZ
from lab.canary.record import Memory

_MOST = 10
"""Faults that are shown; all of them follow from memory.json."""


def show(made: Memory, directory: Path, console: Console) -> None:
    """Print the bounds, and whatever was beyond them."""
    say = _Say(console)
    held = sum(process.bytes for look in made.looks for process in look.processes)
    looks, files, forms = len(made.looks), len(made.files), len(made.forms)
    say(f"{looks} looks at {held / 1e6:.0f} MB of memory, {files} files, {forms} forms")
    say(f"oldest sample in the process that holds the card: {_ms(made.holds_card_bound_samples)}")
    say(f"  may be {_ms(made.driver_samples)}: a frame, and the driver's ring, twice in this card's plug-in")
    say(f"oldest sample in any other process: {_ms(made.bound_samples)}")
    say(f"  may be {_ms(made.heard_samples)}: the frame that is heard, and the one before")
    for fault in list(record.faults(made.looks, made.files))[:_MOST]:
        say(f"older sound: {fault.where}: {fault.what}")
    say(f"{'nothing older was found' if made.kept else 'OLDER SOUND WAS FOUND'}: {directory / record.FILE}")


class _Say:
    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class Tell:
    """Tells how far it is: a bar on a terminal, a line a step elsewhere."""

    def __init__(self, console: Console, bars: Progress, steps: int) -> None:
        self._say, self._bars = _Say(console), bars
        self._bar = bars.add_task("", total=steps)
        self._terminal = console.is_terminal

    def __call__(self, what: str) -> None:
        """The next step begins."""
        if self._terminal:
            self._bars.update(self._bar, description=what, advance=1)
        else:
            self._say(what)


@contextmanager
def progress(console: Console, steps: int) -> Iterator[Tell]:
    """Give what is told of each step."""
    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Tell(console, bars, steps)


def _ms(samples: int) -> str:
    return f"{samples * 1000 / RATE_HZ:.1f} ms"
