"""Prints the table of the PETS 2020 study, computed from its files, or its rows as JSON."""

import sys
from pathlib import Path
from typing import TextIO

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from lab.study import report
from lab.study.pets_rows import Published, Row, read_published
from lab.study.pets_text import headline, played
from lab.study.text import NOTHING, number, percent, rate_text, seconds

WIDE = 150
"""Columns for all that there is to say; a narrower terminal gets less, and no half numbers."""


def run(given: Path, as_json: bool, out: Path | None, file: TextIO) -> int:
    """Write the study in a folder to `file`, as JSON (an object a row) if asked, and return 0.

    With `out` it is a page as well, OUT/report.html. Raises StudyError.
    """
    published = read_published(given)
    if as_json:
        for row in (*published.speakers, *published.shows, *published.cells):
            print(msgspec.json.encode(row).decode(), file=file)
    else:
        show(published, Console(file=file, width=None if file.isatty() else WIDE))
    if out is not None:
        print(f"report: {report.write_pets(out, published)}", file=sys.stderr)
    return 0


def show(published: Published, console: Console) -> None:
    """Print the headline, a row a speaker and a row a show."""
    _say(console, headline(published))
    _say(console, played(published))
    for title, rows, worst in (
        ("By speaker, all shows", published.speakers, "most in"),
        ("By show, all speakers together", published.shows, "most by"),
    ):
        _say(console, f"\n{title}")
        console.print(_table(published, rows, worst, wide=console.width >= WIDE))
    _say(console, "In brackets 95 % intervals. Often: came in more than three quarters of the runs.")


def _table(published: Published, rows: tuple[Row, ...], worst: str, *, wide: bool) -> Table:
    more = ("P50 s", "P75 s", "P90 s", "max s", "often") if wide else ("P90 s",)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("n", "an hour", "per 10,000 words" if wide else "10k words", *more):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        table.add_column(worst, no_wrap=True)
    for row in rows:
        table.add_row(*([*_cells(row), _worst(published, row)] if wide else _few_cells(row)))
    return table


def _cells(row: Row) -> list[str]:
    lasted = row.durations
    times = (lasted.p50_s, lasted.p75_s, lasted.p90_s, lasted.max_s) if lasted else (None,) * 4
    often = f"{percent(row.often.value)} %" if row.often else NOTHING
    rates = rate_text(row.per_hour), rate_text(row.per_10k_words)
    return [_name(row), str(row.count), *rates, *map(seconds, times), often]


def _few_cells(row: Row) -> list[str]:
    words = number(row.per_10k_words.value) if row.per_10k_words else NOTHING
    p90 = seconds(row.durations.p90_s if row.durations else None)
    return [_name(row), str(row.count), rate_text(row.per_hour), words, p90]


def _name(row: Row) -> str:
    return f"{row.speaker}, {row.word}" if row.word else row.show or "all shows"


def _worst(published: Published, row: Row) -> str:
    worst = published.worst(row)
    name = worst.show if row.word else f"{worst.speaker}, {worst.word}"
    return f"{name} {worst.per_hour.value:.2f}" if worst.per_hour and worst.count else ""


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
