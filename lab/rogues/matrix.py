"""The matrix: promise, rogue, and by which layers of the evidence it was caught; on a terminal, as JSON, as a
page.
"""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.audit.verdicts import LAYERS, PROMISES
from lab.rogues.rogue import Rogue
from lab.rogues.run import Row, Seen

JSON, PAGE = "matrix.json", "matrix.html"
_HERE = Path(__file__).parent
_STYLES = (_HERE.parent / "report" / "report.css", _HERE / "page" / "matrix.css")
_PAGES = (_HERE / "page", _HERE.parent / "study" / "page")
_MARKS: dict[Seen, str] = {"caught": "✗", "missed": "·", "nothing to look at": "?"}


def show(rows: Sequence[Row], skipped: Sequence[tuple[Rogue, str]], console: Console) -> None:
    """Print it, the honest firmware last."""
    table = Table("", "rogue", *LAYERS, "full audit", collapse_padding=True)
    for row in rows:
        if row.rogue is not None:
            marks = [_MARKS[row.layers[layer]] for layer in LAYERS]
            verdict = "caught" if row.caught else "[bold red]MISSED[/]"
            table.add_row(str(row.rogue.promise), row.rogue.name, *marks, verdict)
    table.add_section()
    table.add_row("", f"honest, {_scenes(rows)} scenes", *_honest(rows), _clean(rows))
    console.print(table)
    console.print("✗ this layer found something   · it looked, and found nothing   ? it could not look")
    for rogue, why in skipped:
        console.print(f"[yellow]not played: {rogue.name}: {escape(why)}[/]", highlight=False, soft_wrap=True)
    for row in rows:
        if not row.right:
            who = row.rogue.name if row.rogue else "a false alarm"
            what = escape(row.finding) or "nothing was found"
            console.print(f"[red]{who}: {what}[/]", highlight=False, soft_wrap=True)
    console.print(summary(rows), highlight=False)


def summary(rows: Sequence[Row]) -> str:
    """Say it in a sentence."""
    rogues = [row for row in rows if row.rogue is not None]
    caught = sum(row.caught for row in rogues)
    alarms = sum(not row.right for row in rows if row.rogue is None)
    return f"{caught} of {len(rogues)} rogues caught; {alarms} false alarms in {_scenes(rows)} honest scenes"


def write(rows: Sequence[Row], directory: Path) -> Path:
    """Write matrix.json and matrix.html; return the page's path."""
    said = {
        "v": 1,
        "rogues": [
            {
                "name": row.rogue.name, "promise": row.rogue.promise, "does": row.rogue.does,
                "seen": row.rogue.seen, "layers": row.layers, "caught": row.caught, "finding": row.finding,
            }
            for row in rows if row.rogue is not None
        ],
        "honest": [{"layers": row.layers, "clean": row.right} for row in rows if row.rogue is None],
    }  # fmt: skip
    (directory / JSON).write_bytes(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
    path = directory / PAGE
    path.write_text(_page(rows), encoding="utf-8")
    return path


def _page(rows: Sequence[Row]) -> str:
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup("".join(file.read_text(encoding="utf-8") for file in _STYLES))  # noqa: S704  ours
    return pages.get_template("matrix.html.j2").render(
        style=style, title="Rogues, and what caught them", rows=[row for row in rows if row.rogue],
        layers=LAYERS, promises=PROMISES, marks=_MARKS, summary=summary(rows), honest=_honest(rows),
        clean=_clean(rows), scenes=_scenes(rows),
    )  # fmt: skip


def _scenes(rows: Sequence[Row]) -> int:
    return sum(row.rogue is None for row in rows)


def _clean(rows: Sequence[Row]) -> str:
    return "clean" if all(row.right for row in rows if row.rogue is None) else "FALSE ALARM"


def _honest(rows: Sequence[Row]) -> list[str]:
    """The worst mark of each layer over all that the honest firmware played."""
    seen = [{row.layers[layer] for row in rows if row.rogue is None} for layer in LAYERS]
    order: list[Seen] = ["caught", "missed", "nothing to look at"]
    return [next((_MARKS[each] for each in order if each in found), "") for found in seen]
