"""The table of microphone faults as it stands in docs/microphone-faults.md, between two marks.

It plays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from scripts.mic_faults_play import BEDS, COLUMNS, FAULTS, Cell

PAGE = Path(__file__).resolve().parents[1] / "docs" / "microphone-faults.md"
_MARKED = re.compile(r"(<!-- faults -->\n)(.*?)(<!-- /faults -->)", re.DOTALL)

Cells = Mapping[tuple[str, str], Cell]


def markdown(cells: Cells) -> str:
    """The table: a row a fault and a place."""
    lines = [["fault", "on", *COLUMNS], ["---"] * (len(COLUMNS) + 2)]
    lines += [[fault, where, *cells[fault, where].words] for fault in FAULTS for where in BEDS]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(cells: Cells, page: Path = PAGE) -> None:
    """Put the table between the marks of the page. Raises ValueError when it has none."""
    text, times = _MARKED.subn(lambda found: found[1] + markdown(cells) + found[3], page.read_text("utf-8"))
    if times != 1:
        raise ValueError(f"{page}: no <!-- faults --> and <!-- /faults -->; put them where the table belongs")
    page.write_text(text, "utf-8")


def read(page: Path = PAGE) -> dict[tuple[str, str], tuple[str, ...]]:
    """What the page says of every fault in every place. Raises ValueError when it has no table."""
    found = _MARKED.search(page.read_text("utf-8"))
    if found is None:
        raise ValueError(f"{page}: no table between <!-- faults --> and <!-- /faults -->")
    rows = [line.strip("| ").split(" | ") for line in found[2].splitlines()[2:]]
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}
