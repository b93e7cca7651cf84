"""How far a study is, and how long it will take: a bar on a terminal, a line a minute in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_LINE_EVERY_S = 60.0


class Pace:
    """Audio that is heard, against what there is to hear and the time that it took."""

    def __init__(self, total_s: float) -> None:
        self.total_s = total_s
        self.heard_s = 0.0
        self._began_s = monotonic()

    @property
    def speed(self) -> float:
        """Times real time, over all processes."""
        return self.heard_s / max(monotonic() - self._began_s, 1e-9)

    @property
    def summary(self) -> str:
        """What it came to: hours heard, and how fast."""
        return f"heard {self.heard_s / 3600:.2f} h of audio, {self.speed:.0f} x real time"

    def __str__(self) -> str:
        text = f"{self.heard_s / 3600:.2f} of {self.total_s / 3600:.2f} h"
        if not self.heard_s:
            return text
        left_min = round(max(0.0, self.total_s - self.heard_s) / self.speed / 60)
        left = f"{left_min // 60} h {left_min % 60} min" if left_min else "less than a minute"
        return f"{text}, {self.speed:.0f} x real time, {left} left"


@contextmanager
def progress(console: Console, pace: Pace) -> Iterator[Callable[[float], None]]:
    """Show how far it is. Gives what is to be told of each span of audio heard, in seconds."""
    bars = Progress(
        BarColumn(), TextColumn("{task.description}"), console=console, transient=True,
        redirect_stdout=False, redirect_stderr=False, disable=not console.is_terminal,
    )  # fmt: skip
    said_s = monotonic()

    def tick(seconds: float) -> None:
        nonlocal said_s
        pace.heard_s += seconds
        if console.is_terminal:
            bars.update(bar, completed=pace.heard_s, description=str(pace))
        elif monotonic() - said_s > _LINE_EVERY_S:
            said_s = monotonic()
            console.print(str(pace), highlight=False)

    with bars:
        bar = bars.add_task(str(pace), total=pace.total_s)
        yield tick
