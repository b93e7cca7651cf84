"""The proof of one row as text: C2SP tlog-proof. It holds everything but the row itself and the key."""

import base64
import re
from dataclasses import dataclass
from typing import Self

from .checkpoint import Checkpoint
from .errors import NoteError, ProofError
from .merkle import HASH_BYTES, leaf_hash, verify_inclusion
from .note import Verifier, decode_base64, open_note, split_note

TITLE = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")
_EXTRA = re.compile(r"extra ([A-Za-z0-9+/]+={0,2})")
MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class RowProof:
    """That some row is number `index` under `head`, a signed note. `path`: hashes, nearest the leaf first."""

    index: int
    path: tuple[bytes, ...]
    head: str

    def text(self) -> str:
        """Return the proof as it is kept in a file; `parse` reads it back."""
        hashes = "".join(base64.b64encode(each).decode() + "\n" for each in self.path)
        return f"{TITLE}\nindex {self.index}\n{hashes}\n{self.head}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a proof. Opaque extra data, which nothing authenticates, is passed over.

        Raises ProofError if it is not of that form.
        """
        before, blank, head = text.partition("\n\n")
        lines = before.split("\n")
        if len(lines) > 1 and _extra(lines[1]):
            del lines[1]
        index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
        if lines[0] != TITLE or index is None or not blank or len(lines) - 2 > MOST_HASHES:
            raise ProofError(f"proof: not {TITLE}; ask for it again")
        try:
            path = tuple(map(decode_base64, lines[2:]))
            split_note(head)
        except NoteError as error:
            raise ProofError(f"proof: {error}") from error
        if any(len(each) != HASH_BYTES for each in path):
            raise ProofError("proof: a hash of another length; ask for it again")
        return cls(int(index[1]), path, head)

    def check(self, row: bytes, log: Verifier, origin: str) -> Checkpoint:
        """Return the head under which `row` is number `index`, signed by `log`.

        Raises NoteError or ProofError when it is not, or when the head is of another log than `origin`.
        """
        head = Checkpoint.parse(open_note(self.head, [log]))
        if head.origin != origin:
            raise ProofError(f"proof: of another ledger, {head.origin!r}; do not believe it")
        verify_inclusion(leaf_hash(row), self.index, head.size, self.path, head.root)
        return head


def _extra(line: str) -> bool:
    found = _EXTRA.fullmatch(line)
    if found is None:
        return False
    try:
        decode_base64(found[1])
    except NoteError:
        return False
    return True
