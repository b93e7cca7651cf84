"""The cloud as a witness of devices' ledgers: it keeps every head that comes, and cosigns what is proved.

Two heads of one size that differ are a fork: the device signed both, and together they prove it. The first
checkpoint of a device is cosigned as it is; every later one only with the proof that it goes on from the last
that was cosigned. An end record's head comes without a proof: it is kept and compared.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.heads import Heads
from device.ledger import (
    Checkpoint,
    Cosigner,
    Growth,
    LedgerError,
    ProofError,
    Verifier,
    cosign,
    head_in,
    open_note,
    split_note,
)

NAME = "overheard-cloud/witness"

KEPT = 10_000
"""So many heads of a device are kept; of more the smallest go."""

ROWS = 1024
"""A ledger that has grown by so many rows is asked for a head before its time: a device proves no more than
8,192 at once.
"""

LOOK_S = 60
"""So often is it looked whose ledger has grown."""

AGAIN_S = 600
"""A device that did not answer is asked again no sooner."""

Outcome = Literal["none", "unknown", "unfit", "same", "new", "forked", "cosigned", "unproved"]


class Ask(NamedTuple):
    """A device to be asked for its head, with the proof `since` so many rows if one was cosigned."""

    device: str
    since: int | None


class Witness:
    """Keeps heads in `directory`, `most` of each device; use it from one thread at a time.

    `forks` counts heads that differ from one of their size, `unfit` what no device's ledger ever signs,
    `unproved` checkpoints that did not prove to go on from the last that was cosigned.

    Raises:
        StorageError: as `Heads` does, here and in every method.
    """

    def __init__(self, directory: Path, key: Ed25519PrivateKey, most: int = KEPT) -> None:
        self.heads = Heads(directory, most)
        self._key = key
        self._asked: dict[str, int] = {}
        self._look_at_s = 0
        self.forks = self.unfit = self.unproved = 0

    @property
    def vkey(self) -> str:
        """The key of its cosignatures, as whoever relies on them writes it down."""
        return Cosigner(NAME, self._key.public_key().public_bytes_raw()).vkey

    def close(self) -> None:
        """Close the file."""
        self.heads.close()

    def knows(self, device: str, signer: bytes, now_s: int) -> None:
        """Remember the key that a device signs with, from a begin that was verified: the id certifies it."""
        self.heads.knows(device, signer, now_s)

    def take(self, device: str, note: str) -> Outcome:
        """Keep the head in `note`, if there is one and the device signed it; say what came of it."""
        return self._take(device, note)[0]

    def take_checkpoint(self, device: str, text: str, now_s: int) -> Outcome:
        """Keep the head that a device sent by itself, with a proof or without, and cosign it if it may be."""
        try:
            note = head_in(text)
        except ProofError:
            self.unfit += 1
            return "unfit"
        outcome, head = self._take(device, note)
        if head is None or outcome == "forked":
            return outcome
        return self._cosign(device, head, text, now_s) or outcome

    def due(self, now_s: int, every_s: float) -> Iterator[Ask]:
        """Yield who is to be asked: whose ledger has grown since it was cosigned, by much or long ago."""
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_S
        for device, cosigned, newest, since_s in self.heads.grown():
            rows = newest - (cosigned or 0)
            lately = now_s - self._asked.get(device, now_s - AGAIN_S) < AGAIN_S
            if rows > 0 and (rows >= ROWS or now_s - since_s >= every_s) and not lately:
                self._asked[device] = now_s
                yield Ask(device, cosigned)

    def _take(self, device: str, note: str) -> tuple[Outcome, Checkpoint | None]:
        if not note:
            return "none", None
        signer = self.heads.signer(device)
        if signer is None:
            return "unknown", None
        head = _opened(note, Verifier(device, signer))
        if head is None:
            self.unfit += 1
            return "unfit", None
        new, others = self.heads.keep(device, head, note)
        self.forks += new and others > 0
        return "forked" if others else "new" if new else "same", head

    def _cosign(self, device: str, head: Checkpoint, text: str, now_s: int) -> Outcome | None:
        """Cosign a head that goes on from the last one; None if it is that one, and nothing is to be said."""
        last = self.heads.cosigned(device)
        before = Checkpoint.parse(split_note(last)[0]) if last else None
        if before == head:
            return None
        try:
            if before is not None:
                Growth.parse(text).check(before, head)
        except ProofError:
            self.unproved += 1
            return "unproved"
        self.heads.put_cosigned(device, cosign(head_in(text), NAME, self._key, now_s), head.size, now_s)
        return "cosigned"


def _opened(note: str, key: Verifier) -> Checkpoint | None:
    """The head, if it is one of the device's ledger under the device's signature and nothing else."""
    try:
        head = Checkpoint.parse(open_note(note, [key]))
        alone = len(split_note(note)[1]) == 1
    except LedgerError:
        return None
    return head if alone and head.origin == f"overheard/v1/{key.name}" and head.size < 2**53 else None
