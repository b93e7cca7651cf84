"""A head with the proof that it goes on from an earlier one, written as in C2SP tlog-witness."""

import base64
import re
from dataclasses import dataclass
from typing import Self

from .checkpoint import Checkpoint
from .errors import NoteError, ProofError
from .merkle import HASH_BYTES, verify_consistency
from .note import decode_base64, split_note
from .proof import MOST_HASHES

_OLD = re.compile(r"old ([1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Growth:
    """That the tree under `head`, a signed note, only adds to its first `old` leaves (1 or more).

    path: hashes, nearest the leaf first.
    """

    old: int
    path: tuple[bytes, ...]
    head: str

    def text(self) -> str:
        """Return it as it is sent; `parse` reads it back."""
        hashes = "".join(base64.b64encode(each).decode() + "\n" for each in self.path)
        return f"old {self.old}\n{hashes}\n{self.head}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one. Raises ProofError unless `text()` would write exactly it."""
        before, blank, head = text.partition("\n\n")
        first, *hashes = before.split("\n")
        old = _OLD.fullmatch(first)
        if old is None or not blank or len(hashes) > MOST_HASHES:
            raise ProofError("head with a proof: not the form of C2SP tlog-witness; ask for it again")
        try:
            path = tuple(map(decode_base64, hashes))
            split_note(head)
        except NoteError as error:
            raise ProofError(f"head with a proof: {error}") from error
        if any(len(each) != HASH_BYTES for each in path):
            raise ProofError("head with a proof: a hash of another length; ask for it again")
        return cls(int(old[1]), path, head)

    def check(self, before: Checkpoint, now: Checkpoint) -> None:
        """Check that `now`, what the head says, goes on from `before`.

        Raises ProofError if it does not, or if the proof is from another size.
        """
        if before.size != self.old or before.origin != now.origin:
            raise ProofError(f"head with a proof: from {self.old} rows, not from {before.size}; ask for that")
        verify_consistency(before.size, now.size, before.root, now.root, self.path)


def head_in(text: str) -> str:
    """Return the head in what a device sends as its checkpoint: bare, or with a proof. Raises ProofError."""
    return Growth.parse(text).head if text.startswith("old ") else text
