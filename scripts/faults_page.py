"""The table of faults as it stands in docs/faults.md, between two marks: written, and read back for tests.

It plays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from scripts.faults_cells import Cell
from scripts.faults_kinds import FAULTS
from scripts.faults_phases import PHASES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
_MARKED = re.compile(r"(<!-- faults -->\n)(.*?)(<!-- /faults -->)", re.DOTALL)

Cells = Mapping[tuple[str, str], Cell]


def markdown(cells: Cells) -> str:
    """The table: a row a fault, a column a phase."""
    lines = [["fault", *PHASES], ["---"] * (len(PHASES) + 1)]
    lines += [[fault, *(cells[fault, phase].outcome for phase in PHASES)] for fault in FAULTS]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(cells: Cells, page: Path = PAGE) -> None:
    """Put the table between the marks of the page. Raises ValueError when it has none."""
    text, times = _MARKED.subn(lambda found: found[1] + markdown(cells) + found[3], page.read_text("utf-8"))
    if times != 1:
        raise ValueError(f"{page}: no <!-- faults --> and <!-- /faults -->; put them where the table belongs")
    page.write_text(text, "utf-8")


def read(page: Path = PAGE) -> dict[tuple[str, str], str]:
    """What the page says of every fault in every phase. Raises ValueError when it has no table."""
    found = _MARKED.search(page.read_text("utf-8"))
    if found is None:
        raise ValueError(f"{page}: no table between <!-- faults --> and <!-- /faults -->")
    heading, _, *rows = [line.strip("| ").split(" | ") for line in found[2].splitlines()]
    return {(row[0], phase): said for row in rows for phase, said in zip(heading[1:], row[1:], strict=True)}
