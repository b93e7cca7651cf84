"""What the tests of the outbox and of the delivery share: made-up messages, a second look at the file, and a
wire that remembers.
"""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.asks import Ack
from device.bounds import Bounds
from device.delivery import Delivery
from device.ledger import Checkpoint, Row, Signer, leaf_hash, open_note, parse_row, root_of
from device.outbox import Departure, Outbox, Sealed

SIGNER = Signer("ovh-test", Ed25519PrivateKey.from_private_bytes(b"d" * 32))
A, B, C = "0a" * 16, "0b" * 16, "0c" * 16
WINDOW, ASK = 4, 100
_NO_BOUNDS = Bounds()


def sealed(
    utterance: str = A, part: int | None = 0, payload: bytes = b"ciphertext", kind: str = ""
) -> Sealed:
    """A message: a segment if it has a part, else the begin, unless `kind` says otherwise."""
    kind = kind or ("segment" if part is not None else "begin")
    return Sealed(utterance, kind, f"up/{utterance}/{kind}", payload, part, 1280 * (part or 0), 1280)


def seen_by_another(path: Path) -> tuple[list[Row], list[int]]:
    """What a second connection finds: the ledger's rows, and the seqs of the kept messages."""
    with closing(sqlite3.connect(path)) as db:
        rows = [parse_row(row) for (row,) in db.execute("SELECT row FROM ledger ORDER BY idx")]
        return rows, [seq for (seq,) in db.execute("SELECT seq FROM message ORDER BY seq")]


def head(outbox: Outbox) -> Checkpoint:
    """The signed head, once its signature is checked."""
    return Checkpoint.parse(open_note(outbox.checkpoint(), [SIGNER.verifier]))


def head_of_rows(outbox: Outbox) -> tuple[int, bytes]:
    """The head as it must be, from the rows on disk."""
    hashes = [leaf_hash(row) for row in outbox.rows()]
    return len(hashes), root_of(hashes)


class Carrier:
    """A wire that remembers. Whatever is handed to it must have its row on disk already."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.carried: list[Departure] = []

    def publish(self, departure: Departure) -> None:
        assert seen_by_another(self._path)[0][departure.row.index] == departure.row
        assert departure.row.sha256 == hashlib.sha256(departure.payload).hexdigest()
        self.carried.append(departure)

    def take(self) -> list[tuple[int, str | None]]:
        """What was carried since the last time: seqs and causes, in order."""
        carried, self.carried = self.carried, []
        return [(departure.seq or 0, departure.row.cause) for departure in carried]


class Room:
    """An outbox, a wire, and the delivery between them."""

    def __init__(self, path: Path, window: int = WINDOW, bounds: Bounds = _NO_BOUNDS) -> None:
        self.outbox = Outbox(path, SIGNER)
        self.wire = Carrier(path)
        self.told: list[dict[str, Any]] = []
        self.delivery = Delivery(self.outbox, self.wire, window, ASK, self._tell, bounds)
        self.causes = lambda: [parse_row(row).cause for row in self.outbox.rows()]

    def _tell(self, kind: str, /, **fields: object) -> None:
        self.told.append({"kind": kind, **fields})

    def say(self, utterance: str, segments: int, *, ended: bool = True, now: int = 0) -> list[int]:
        """An utterance as it is captured: begin, segments one by one, then the last one with the end."""
        before = len(self.outbox.waiting())
        self.delivery.send([sealed(utterance, None)], now)
        for part in range(segments - ended):
            self.delivery.send([sealed(utterance, part)], now)
        if ended:
            self.delivery.send([sealed(utterance, segments - 1), end(utterance)], now)
        return [waiting.seq for waiting in self.outbox.waiting()][before:]

    def land(self, *seqs: int) -> None:
        for seq in seqs:
            self.delivery.sent(seq)
        self.delivery.tend(0)


def end(utterance: str) -> Sealed:
    return Sealed(utterance, "end", f"up/{utterance}/end", b"signed end")


def complete(utterance: str) -> Ack:
    return Ack(utterance, "complete", (), False, False)


def truncated(utterance: str) -> Ack:
    return Ack(utterance, "truncated", (), False, False)


def missing(utterance: str, *ranges: tuple[int, int], begin: bool = False, end: bool = False) -> Ack:
    return Ack(utterance, "missing", ranges, begin, end)
