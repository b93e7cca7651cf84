"""The head of a ledger as text: C2SP tlog-checkpoint, to be signed as a note. It signs and stores none."""

import base64
import re
from dataclasses import dataclass
from typing import Self

from .errors import NoteError
from .merkle import HASH_BYTES
from .note import decode_base64

_ORIGIN = re.compile(r"[^\x00-\x1f\ud800-\udfff]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The claim that the ledger named `origin` had this 32-byte root at this many rows.

    Raises NoteError for an origin that is not one line, a negative size, or a root of another length.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _ORIGIN.fullmatch(self.origin) or not _SIZE.fullmatch(str(self.size)):
            raise NoteError(
                "checkpoint: the origin is not one line, or the size not a count; ask for it again"
            )
        if len(self.root) != HASH_BYTES:
            raise NoteError(
                f"checkpoint: a root of {len(self.root)} bytes, not {HASH_BYTES}; ask for it again"
            )

    def text(self) -> str:
        """Return the three lines; `parse` reads them back."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note's text. Raises NoteError unless `text()` would write exactly it.

        Extension lines, which the specification advises against and no monitor can check, are refused.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not _SIZE.fullmatch(lines[1]):
            raise NoteError("checkpoint: not three lines of origin, size and root; ask for it again")
        return cls(lines[0], int(lines[1]), decode_base64(lines[2]))
