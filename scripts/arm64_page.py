"""Logs and tables as they stand in docs/prove-arm64.md and docs/cost-on-a-pi.md, each between two marks of
its own. It proves and counts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parents[1] / "docs"
PROOFS, COSTS = DOCS / "prove-arm64.md", DOCS / "cost-on-a-pi.md"


class Line(NamedTuple):
    """A step: whether it did what it should, how long it took, and what it found."""

    ok: bool
    seconds: float
    step: str
    found: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'FAIL':4} {self.seconds:7.1f} s  {self.step}: {self.found}"


def log(suite: str, lines: Sequence[Line]) -> str:
    """The log of a proof, as a block of text."""
    total = sum(line.seconds for line in lines)
    said = [f"$ scripts/prove-arm64 --suite {suite} --write", *map(str, lines), f"{total:12.1f} s  in all"]
    return "".join(f"{line}\n" for line in ["```text", *said, "```"])


def put(page: Path, mark: str, block: str) -> None:
    """Put the block between the page's marks of that name. Raises ValueError when it has none."""
    marked = re.compile(rf"(<!-- {mark} -->\n)(.*?)(<!-- /{mark} -->)", re.DOTALL)
    text, times = marked.subn(lambda found: found[1] + block + found[3], page.read_text("utf-8"))
    if times != 1:
        raise ValueError(f"{page}: no <!-- {mark} --> and <!-- /{mark} -->; put them where it belongs")
    page.write_text(text, "utf-8")
