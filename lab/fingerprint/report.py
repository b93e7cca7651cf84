"""Writes what came of fingerprinting: report.html, one file that fetches nothing and runs nothing;
accuracy.csv and accuracy.json. Names of folders are strangers' words: all of it is escaped.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup

from lab.fingerprint import show
from lab.fingerprint.attack import Measured
from lab.study import text

HERE = Path(__file__).parent
STYLES = (HERE.parent / "report" / "report.css", HERE / "page" / "fingerprint.css")
PAGES = (HERE / "page", HERE.parent / "study" / "page")

COLUMNS = (
    "set", "traces", "commands", "folds", "chance", "commonest", "lengths", "sees", "attack",
    "accuracy", "low", "high", "shuffled", "shuffled_low", "shuffled_high",
)  # fmt: skip


def write(out: Path, measured: Sequence[Measured]) -> Path:
    """Write all three into `out` and return the path of the page. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "accuracy.json").write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=2) + b"\n")
    _write_csv(out / "accuracy.csv", measured)
    path = out / "report.html"
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup("".join(file.read_text(encoding="utf-8") for file in STYLES))  # noqa: S704  ours
    page = pages.get_template("fingerprint.html.j2").render(
        style=style, text=text, show=show, measured=measured,
        title="What a stranger on the network can tell",
    )  # fmt: skip
    path.write_text(page, encoding="utf-8")
    return path


def _write_csv(path: Path, measured: Sequence[Measured]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(COLUMNS)
        for one in measured:
            about = (one.name, one.traces, one.commands, one.folds, one.chance, one.commonest, one.lengths)
            for score in one.scores:
                values = (*msgspec.structs.astuple(score.accuracy), *msgspec.structs.astuple(score.shuffled))
                lines.writerow([*about, score.sees, score.attack, *values])
