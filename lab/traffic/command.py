"""`overheard-lab traffic`: when a speaker uploaded speech, seen from its traffic alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from lab.traffic import formats, page, rule, uploads
from lab.traffic.errors import TrafficError
from lab.traffic.seen import Seen


class Wish(NamedTuple):
    """device: an address, or the one that sends most. threshold: bytes a second; None: of an Echo Dot 3.
    idle: a capture in which nobody spoke, to take the threshold from.
    """

    device: str | None = None
    threshold: int | None = None
    idle: Path | None = None


def run(captures: Sequence[Path], wish: Wish, out: Path | None, console: Console) -> int:
    """Find the activations in captures, print them, and write every format into `out`. 0.

    Raises:
        TrafficError, Damaged: nothing is to be told from one.
    """
    threshold, source = _threshold(wish)
    seen = []
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for path in captures:
            task = progress.add_task(path.name)
            read = uploads.read(path, wish.device, partial(_tell, progress, task))
            seen.append(Seen(path, read, rule.activations(read.up, threshold)))
    table = Table("capture", "device", "seconds", "activations (first to last second)", "bytes up in these")
    for each in seen:
        spans = ", ".join(f"{found.first} to {found.last}" for found in each.found)
        size = f"{sum(found.bytes for found in each.found):,}"
        table.add_row(each.path.name, each.uploads.device, str(each.uploads.seconds), spans or "none", size)
    console.print(table)
    console.print(
        f"more than {threshold:,} bytes in a second: {source}; less than {rule.JOIN_S} s apart is one"
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write(seen, threshold, out)
        console.print(f"page: {out / page.FILE}", highlight=False, soft_wrap=True)
    return 0


def write(seen: Sequence[Seen], threshold: int, out: Path) -> None:
    """Write the page, traffic.json, results.txt; and of each capture a trace and a SQLite file."""
    (out / page.FILE).write_text(page.page(seen, threshold), encoding="utf-8")
    said = [
        {
            "capture": each.path.name, "device": each.uploads.device, "seconds": each.uploads.seconds,
            "began": datetime.fromtimestamp(each.uploads.start_ns // 10**9, UTC).isoformat(),
            "activations": [found._asdict() for found in each.found],
        }
        for each in seen
    ]  # fmt: skip
    text = msgspec.json.format(msgspec.json.encode({"v": 1, "threshold": threshold, "captures": said}))
    (out / "traffic.json").write_bytes(text + b"\n")
    lines = [formats.to_results(each.path.name, each.uploads.device, each.found) for each in seen]
    (out / "results.txt").write_text("".join(lines), encoding="utf-8")
    for each in seen:
        formats.write_trace(each.path, each.uploads.device, out / f"{each.path.stem}.csv")
        formats.write_inspector(each.path, out / f"{each.path.stem}.sqlite")


def _tell(progress: Progress, task: TaskID, done: int, every: int) -> None:
    progress.update(task, completed=done, total=every)


def _threshold(wish: Wish) -> tuple[int, str]:
    if wish.idle is not None and wish.threshold is not None:
        raise TrafficError("a threshold and an idle capture: name one")
    if wish.idle is not None:
        return rule.idle_threshold(uploads.read(wish.idle, wish.device).up), f"the most in {wish.idle.name}"
    if wish.threshold is not None:
        return wish.threshold, "as you said"
    return rule.ECHO_DOT_3, "PETS 2020, for an Echo Dot 3"
