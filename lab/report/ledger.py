"""ledger.jsonl, and the head of the tree over its lines. It signs and judges nothing."""

from pathlib import Path

import msgspec

from device.ledger.errors import RowError
from device.ledger.merkle import Tree, leaf_hash
from device.ledger.rows import LEFT, Row, parse_row
from lab.report.errors import ReportError
from lab.report.timeline import read_lines


class Ledger(msgspec.Struct, frozen=True):
    """The rows by index, and the root hash over all lines."""

    rows: dict[int, Row]
    root: bytes

    @property
    def left(self) -> int:
        """How many rows stand for a message that left."""
        return sum(row.kind in LEFT for row in self.rows.values())


def read_ledger(path: Path) -> Ledger:
    """Read ledger.jsonl; a line without its newline is a leaf of the tree. Raises ReportError."""
    tree = Tree()
    rows: dict[int, Row] = {}

    def take(line: bytes) -> None:
        data = line.rstrip(b"\n")
        try:
            row = parse_row(data)
        except RowError as error:
            raise ReportError(f"{path.name}: {error}") from error
        rows[row.index] = row
        tree.append(leaf_hash(data))

    read_lines(path, take)
    return Ledger(rows, tree.root())
