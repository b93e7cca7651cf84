"""What waits and what left: sealed messages and the egress ledger, in one SQLite file.

Nothing leaves without a ledger row that is on disk first, and a message is forgotten only when the cloud's
signed acknowledgement says so. Only ciphertext is ever written here.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from device.bounds import Stock
from device.errors import DiskError
from device.ledger import Checkpoint, Growth, Row, Signer, growth_proof, leaf_hash, row_bytes, sign
from device.outbox_file import claimed, examine, look, open_for_writing, storage, undo_beginning

_SEALED = "utterance, kind, topic, payload, part, first_sample, samples"

_HEAPS = """
    SELECT utterance, sum(length(payload)), min(born_s) FROM message GROUP BY utterance
    ORDER BY min(born_s), min(seq)
"""

_RAN = "SELECT seconds, (SELECT coalesce(max(born_s), 0) FROM message) FROM running"

_UNWRITTEN = 1000
"""So many rows of what stayed may wait for room; of what comes then a row says how much it was."""


_PROVEN = 8192
"""A proof over more rows than these would hold up the loop: the cloud asks long before."""


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
    well. `stock` counts what waits; `trouble` says why the disk refused the last write, if it did; `began_s`
    is how long the firmware had run, in seconds, when the file was opened; `gone`, if somebody sets it, hears
    of every utterance of which nothing is kept any more.
    """

    def __init__(self, path: Path, signer: Signer) -> None:
        """Open or make the file (mode 0600).

        Every method that writes raises DiskError when the disk refuses; then nothing of it was written.

        Raises:
            StorageError: it is not an outbox, or another firmware has it (not a byte of it is changed).
            DamagedError: it is damaged (nor then).
            DiskError: the disk refuses.
        """
        self._path = path
        self._signer = signer
        self._lock = threading.RLock()
        self._unwritten: list[dict[str, Any]] = []
        self._forgotten = 0
        self.trouble: str | None = None
        self.gone: Callable[[str], None] = lambda _: None
        with ExitStack() as opening, storage(path):
            opening.enter_context(claimed(path))
            undo_beginning(path)
            with closing(look(path)) as db:
                self._grown = examine(db, path)
                self._tree = self._grown.tree
            path.chmod(0o600)  # the files that SQLite makes beside it take its mode
            self._db = open_for_writing(path)
            opening.callback(self._db.close)
            self.stock = Stock(self._db.execute(_HEAPS))
            self.began_s: int = max(self._db.execute(_RAN).fetchone())
            self._closing = opening.pop_all()

    @property
    def size(self) -> int:
        """How many rows the ledger has; the index that the next row will get."""
        return self._tree.size

    def ran(self, seconds: int) -> None:
        """Remember how long the firmware has run, all starts together; this has no row."""
        with self._transaction():
            self._db.execute("UPDATE running SET seconds = ?", (seconds,))

    def note(self, kind: str, **fields: Any) -> int:
        """Write down something that did not leave (a trigger, a refusal, a drop); return its row's index."""
        with self._transaction() as rows:
            return rows.append(kind=kind, **fields).index

    def jot(self, kind: str, **fields: Any) -> None:
        """Write down something that did not leave, now or, if the disk refuses, with the next row that it
        takes, before that; of what comes while very many wait, only how much it was.
        """
        try:
            self.note(kind, **fields)
        except DiskError:
            row_bytes(Row(index=0, kind=kind, **fields))  # type: ignore[arg-type]  # as in note
            with self._lock:
                if len(self._unwritten) < _UNWRITTEN:
                    self._unwritten.append({"kind": kind, **fields})
                else:
                    self._forgotten += 1

    def catch_up(self) -> None:
        """Write what was jotted down and is not on the disk yet, if there is anything."""
        if self._unwritten:
            with self._transaction():
                pass

    def leave(self, kind: str, topic: str, payload: bytes, cause: str) -> Departure:
        """Write down a message that is not kept (status, checkpoint) before it goes."""
        with self._transaction() as rows:
            row = rows.append(kind=kind, topic=topic, cause=cause, **_measure(payload))
            return Departure(None, topic, payload, row)

    def leave_head(self, topic: str, since: int | None = None) -> Departure:
        """Write down the ledger's signed head before it goes; its row is the first that it does not cover.

        With `since`, it brings the proof that it goes on from its first so many rows, if a head of that size
        is among the last that left, and not too much has come since.
        """
        with self._lock:
            self.catch_up()
            head = self.checkpoint()
            proof = None if since is None else self._growth(since)
            text = head if proof is None else Growth(since or 0, proof, head).text()
            size, frontier = self._tree.size, self._tree.frontier
            departure = self.leave("checkpoint", topic, text.encode(), "live")
            self._grown.remember(size, frontier)
            return departure

    def connect(self, will: bytes | None) -> None:
        """Write down that a connection begins, with the last will that goes out in it, if one does."""
        with self._transaction() as rows:
            if will is None:
                rows.append(kind="connect", cause="claim")
            else:
                rows.append(kind="connect", cause="will", **_measure(will))

    def put(
        self, messages: Sequence[Sealed], *, depart: bool, ran_s: int = 0
    ) -> tuple[list[int], list[Departure]]:
        """Keep `messages`, made at second `ran_s` of running, and return their seqs; with `depart`, write the
        rows of their leaving in the same transaction.
        """
        seqs: list[int] = []
        departures = []
        with self._transaction() as rows:
            for message in messages:
                seqs.append(self._insert(message, depart, ran_s))
                if depart:
                    departures.append(self._depart(rows, seqs[-1], message, "live"))
        for message in messages:
            self.stock.add(message.utterance, len(message.payload), ran_s)
        return seqs, departures

    def depart(self, seqs: Iterable[int], cause: str) -> list[Departure]:
        """Write the rows for kept messages that leave now, later than they were made, or again."""
        departures = []
        with self._transaction() as rows:
            wanted = list(seqs)
            query = f"SELECT seq, {_SEALED} FROM message WHERE seq IN ({','.join('?' * len(wanted))})"
            found = {seq: Sealed(*rest) for seq, *rest in self._db.execute(query, wanted)}
            for seq in wanted:
                if seq in found:  # else acknowledged meanwhile
                    departures.append(self._depart(rows, seq, found[seq], cause))
            self._db.executemany(
                "INSERT OR IGNORE INTO left_later (seq) VALUES (?)", [(each.seq,) for each in departures]
            )
        return departures

    def forget(self, utterance: str, *, dropped: str | None = None) -> None:
        """Delete the messages of an utterance; if they are lost and not delivered, `dropped` says why in a
        row.
        """
        with self._transaction() as rows:
            if dropped is not None:
                rows.append(kind="dropped", utterance=utterance, cause=dropped)
            self._delete(utterance)
        self.stock.remove(utterance)
        self.gone(utterance)

    def replace(self, old: str, new: str, seal: Callable[[int, list[Sealed]], Iterable[Sealed]]) -> None:
        """Keep what `seal` makes of an utterance of which nothing has left, under the name `new`, in its
        place.

        Messages and rows are written in one transaction; `seal` is told the index of the new one's row.
        Raises what `seal` does, and then nothing has changed.
        """
        with self._transaction() as rows:
            query = f"SELECT {_SEALED}, born_s FROM message WHERE utterance = ? ORDER BY seq"
            found = self._db.execute(query, (old,)).fetchall()
            kept, born_s, size = [Sealed(*each[:-1]) for each in found], found[0][-1], 0
            row = rows.append(kind="resealed", utterance=new, **_span(kept), cause=old)
            for message in seal(row.index, kept):
                self._insert(message, False, born_s)
                size += len(message.payload)
            rows.append(kind="dropped", utterance=old, cause="resealed")
            self._delete(old)
        self.stock.rename(old, new, size)
        self.gone(old)

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
        gone = "departed OR seq IN (SELECT seq FROM left_later)"
        query = f"SELECT seq, utterance, kind, part, {gone} FROM message {which} ORDER BY seq"
        with self._lock, storage(self._path):
            found = self._db.execute(query, names).fetchall()
        return [Waiting(seq, name, kind, part, bool(gone)) for seq, name, kind, part, gone in found]

    def rows(self) -> Iterator[bytes]:
        """Yield every row of the ledger, as the canonical bytes that were hashed."""
        with storage(self._path), closing(look(self._path)) as db:
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

    def _growth(self, since: int) -> tuple[bytes, ...] | None:
        frontier = self._grown.heads.get(since)
        if frontier is None or self._tree.size - since > _PROVEN:
            return None
        with storage(self._path):
            found = self._db.execute("SELECT row FROM ledger WHERE idx >= ? ORDER BY idx", (since,))
            added = [leaf_hash(row) for (row,) in found]
        return tuple(growth_proof(since, frontier, added))

    def _delete(self, utterance: str) -> None:
        seqs = "SELECT seq FROM message WHERE utterance = ?"
        self._db.execute(f"DELETE FROM left_later WHERE seq IN ({seqs})", (utterance,))
        self._db.execute("DELETE FROM message WHERE utterance = ?", (utterance,))

    def _insert(self, message: Sealed, departed: bool, born_s: int) -> int:
        cursor = self._db.execute(
            f"INSERT INTO message ({_SEALED}, departed, born_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*message, departed, born_s),
        )
        return cursor.lastrowid or 0

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
        with self._lock, self._noting_trouble(), storage(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            rows = _Rows(self._tree.size)
            try:
                for fields in self._unwritten:
                    rows.append(**fields)
                if self._forgotten:
                    rows.append(kind="dropped", cause=f"rows_forgotten:{self._forgotten}")
                yield rows
                self._db.executemany("INSERT INTO ledger (idx, row) VALUES (?, ?)", rows.numbered())
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            for encoded in rows.encoded:
                self._tree.append(leaf_hash(encoded))
            self._unwritten.clear()
            self._forgotten = 0

    @contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        try:
            yield
        except DiskError as error:
            self.trouble = str(error)
            raise
        self.trouble = None


class _Rows:
    """The rows of one transaction, written with its end: one by one would take twice as long."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.encoded: list[bytes] = []

    def append(self, **fields: Any) -> Row:
        row = Row(index=self._size + len(self.encoded), **fields)
        self.encoded.append(row_bytes(row))
        return row

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        return enumerate(self.encoded, self._size)


def _span(kept: Sequence[Sealed]) -> dict[str, int]:
    """Which audio is in the segments of an utterance."""
    firsts = [each.first_sample for each in kept if each.first_sample is not None]
    return {"first_sample": min(firsts), "samples": sum(each.samples or 0 for each in kept)}


def _measure(payload: bytes) -> dict[str, Any]:
    return {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
