"""What waits and what left: sealed messages and the egress ledger, in one SQLite file.

Nothing leaves without a ledger row that is on disk first, and a message is forgotten only when the cloud's
signed acknowledgement says so. Only ciphertext is ever written here.
"""

import fcntl
import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from device.errors import StorageError
from device.ledger import Checkpoint, Row, Signer, leaf_hash, row_bytes, sign
from device.outbox_file import examine, look, open_for_writing

_SEALED = "utterance, kind, topic, payload, part, first_sample, samples"


class Sealed(NamedTuple):
    """A message of an utterance, sealed and ready to leave; `kind` is begin, segment or end."""

    utterance: str
    kind: str
    topic: str
    payload: bytes
    part: int | None = None
    first_sample: int | None = None
    samples: int | None = None


class Departure(NamedTuple):
    """A message whose ledger row is on disk: it may go to the socket now, once."""

    seq: int | None
    topic: str
    payload: bytes
    row: Row


class Waiting(NamedTuple):
    """A message that is kept, without its payload."""

    seq: int
    utterance: str
    kind: str
    part: int | None
    departed: bool


class Outbox:
    """The file at `path`; `signer` signs the heads of its ledger. Safe to use from the uplink's thread as
    well.
    """

    def __init__(self, path: Path, signer: Signer) -> None:
        """Open or make the file (mode 0600).

        Raises:
            StorageError: it is damaged or not an outbox (not a byte of it is changed), or the disk refuses.
        """
        self._path = path
        self._signer = signer
        self._lock = threading.RLock()
        with ExitStack() as opening, self._storage():
            own = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            opening.callback(os.close, own)
            _claim(own, path)
            with closing(look(path)) as db:
                self._tree = examine(db)
            path.chmod(0o600)  # the files that SQLite makes beside it take its mode
            self._db = open_for_writing(path)
            opening.callback(self._db.close)
            self._closing = opening.pop_all()

    @property
    def size(self) -> int:
        """How many rows the ledger has; the index that the next row will get."""
        return self._tree.size

    def note(self, kind: str, **fields: Any) -> int:
        """Write down something that did not leave (a trigger, a refusal, a drop); return its row's index."""
        with self._transaction() as rows:
            return rows.append(kind=kind, **fields).index

    def leave(self, kind: str, topic: str, payload: bytes, cause: str) -> Departure:
        """Write down a message that is not kept (status, checkpoint) before it goes."""
        with self._transaction() as rows:
            row = rows.append(kind=kind, topic=topic, cause=cause, **_measure(payload))
            return Departure(None, topic, payload, row)

    def connect(self, will: bytes) -> None:
        """Write down that a connection begins, with the last will that goes out in it."""
        with self._transaction() as rows:
            rows.append(kind="connect", cause="will", **_measure(will))

    def put(self, messages: Sequence[Sealed], *, depart: bool) -> tuple[list[int], list[Departure]]:
        """Keep `messages` and return their seqs; with `depart`, write the rows of their leaving in the same
        transaction.
        """
        seqs: list[int] = []
        departures = []
        with self._transaction() as rows:
            for message in messages:
                cursor = self._db.execute(
                    f"INSERT INTO message ({_SEALED}, departed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    (*message, depart),
                )
                seqs.append(cursor.lastrowid or 0)
                if depart:
                    departures.append(self._depart(rows, seqs[-1], message, "live"))
        return seqs, departures

    def depart(self, seqs: Iterable[int], cause: str) -> list[Departure]:
        """Write the rows for kept messages that leave now, later than they were made, or again."""
        departures = []
        with self._transaction() as rows:
            for seq in seqs:
                found = self._db.execute(
                    f"SELECT {_SEALED} FROM message WHERE seq = ?",  # noqa: S608  a constant
                    (seq,),
                ).fetchone()
                if found is not None:  # acknowledged meanwhile
                    departures.append(self._depart(rows, seq, Sealed(*found), cause))
            self._db.executemany(
                "UPDATE message SET departed = 1 WHERE seq = ?", [(d.seq,) for d in departures]
            )
        return departures

    def forget(self, utterance: str, *, dropped: str | None = None) -> None:
        """Delete the messages of an utterance; if they are lost and not delivered, `dropped` says why in a
        row.
        """
        with self._transaction() as rows:
            if dropped is not None:
                rows.append(kind="dropped", utterance=utterance, cause=dropped)
            self._db.execute("DELETE FROM message WHERE utterance = ?", (utterance,))

    def cut_short(self, utterance: str, cause: str) -> None:
        """Write down, once, that an utterance has lost its end; what is kept of it still waits and leaves."""
        with self._transaction() as rows:
            marked = self._db.execute(
                "UPDATE message SET cut_short = 1 WHERE utterance = ? AND NOT cut_short", (utterance,)
            )
            if marked.rowcount:
                rows.append(kind="dropped", utterance=utterance, cause=cause)

    def waiting(self, utterance: str | None = None) -> list[Waiting]:
        """Return every kept message, or those of one utterance, in the order they were made.

        The first reads the whole file; the second has an index.
        """
        which, names = ("", ()) if utterance is None else ("WHERE utterance = ?", (utterance,))
        query = f"SELECT seq, utterance, kind, part, departed FROM message {which} ORDER BY seq"  # noqa: S608
        with self._lock, self._storage():
            found = self._db.execute(query, names).fetchall()
        return [Waiting(seq, name, kind, part, bool(gone)) for seq, name, kind, part, gone in found]

    def rows(self) -> Iterator[bytes]:
        """Yield every row of the ledger, as the canonical bytes that were hashed."""
        with self._storage(), closing(look(self._path)) as db:
            for (row,) in db.execute("SELECT row FROM ledger ORDER BY idx"):
                yield row

    def checkpoint(self) -> str:
        """Return the signed head of the ledger as it is now (C2SP tlog-checkpoint)."""
        with self._lock:
            head = Checkpoint(f"overheard/v1/{self._signer.name}", self._tree.size, self._tree.root())
        return sign(head.text(), self._signer)

    def close(self) -> None:
        """Close the file; what was written stays."""
        with self._lock:
            self._closing.close()

    def _depart(self, rows: "_Rows", seq: int, message: Sealed, cause: str) -> Departure:
        row = rows.append(
            kind=message.kind, topic=message.topic, cause=cause, utterance=message.utterance,
            segment=message.part, first_sample=message.first_sample, samples=message.samples,
            **_measure(message.payload),
        )  # fmt: skip
        return Departure(seq, message.topic, message.payload, row)

    @contextmanager
    def _transaction(self) -> Iterator["_Rows"]:
        """Commit rows and messages written inside together, or none; the tree grows only with the disk."""
        with self._lock, self._storage():
            self._db.execute("BEGIN IMMEDIATE")
            rows = _Rows(self._db, self._tree.size)
            try:
                yield rows
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            for leaf in rows.leaves:
                self._tree.append(leaf)

    @contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except (sqlite3.OperationalError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            raise StorageError(
                f"{self._path}: {why}; make room and see that the firmware may write there"
            ) from error
        except sqlite3.DatabaseError as error:
            what = (
                f"{self._path}: {error}; it is left as it is: move it away, as evidence, to begin a new one"
            )
            raise StorageError(what) from error


def _claim(own: int, path: Path) -> None:
    """Two firmwares on one ledger would fork it; the second is refused."""
    try:
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(f"{path}: another firmware writes here; stop it first") from error


class _Rows:
    """The rows of one transaction."""

    def __init__(self, db: sqlite3.Connection, size: int) -> None:
        self._db = db
        self._size = size
        self.leaves: list[bytes] = []

    def append(self, **fields: Any) -> Row:
        row = Row(index=self._size + len(self.leaves), **fields)
        encoded = row_bytes(row)
        self._db.execute("INSERT INTO ledger (idx, row) VALUES (?, ?)", (row.index, encoded))
        self.leaves.append(leaf_hash(encoded))
        return row


def _measure(payload: bytes) -> dict[str, Any]:
    return {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
