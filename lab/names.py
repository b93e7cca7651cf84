"""The names that an utterance had: captured under one, and sealed anew under another if it waited too long.

They come from the ledger's rows, not from what the speaker told. It opens nothing.
"""

from collections.abc import Iterable

from device.envelope import Header
from device.ledger import Row


class Names:
    """The names in one ledger; `rows` in order."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = list(rows)
        self._first: dict[str, str] = {}
        for row in self._rows:
            if row.kind == "resealed" and row.utterance and row.cause:
                self._first[row.utterance] = self.captured_as(row.cause)

    def captured_as(self, utterance: str) -> str:
        """Return the id of the trigger's row."""
        return self._first.get(utterance, utterance)

    def fault(self, header: Header) -> str | None:
        """Say what is wrong with the row that a header names: it must be that of its trigger, or of its being
        sealed anew, and what it took the place of must be written down as dropped.
        """
        name, index = header.utterance, header.ledger_index
        row = self._rows[index] if index < len(self._rows) else None
        if row is None or row.utterance != name or row.kind not in ("trigger", "resealed"):
            return f"utterance {name} names row {index}, which is not that of its trigger"
        gone = {each.utterance for each in self._rows if (each.kind, each.cause) == ("dropped", "resealed")}
        if row.kind == "resealed" and row.cause not in gone:
            return f"utterance {name} was sealed anew, and {row.cause} was not dropped"
        return None
