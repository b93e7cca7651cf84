"""One SQLite file that forgets when told to. It never repairs, moves or replaces a file that is damaged."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud_stub.errors import StorageError

_WHAT_NEXT = {
    sqlite3.SQLITE_FULL: "make room on the disk and start again, what was kept is safe",
    sqlite3.SQLITE_IOERR: "check the disk, then start again",
    sqlite3.SQLITE_CORRUPT: "restore it from a backup, or move it away to begin an empty one",
    sqlite3.SQLITE_NOTADB: "restore it from a backup, or move it away to begin an empty one",
    sqlite3.SQLITE_BUSY: "another program holds it, stop that one",
}


BUSY_S, SHRED_S = 10.0, 5.0
"""So long another's transaction is waited for; so long all others who use the file, to empty its log."""

_READERS_S, _LOOK_S = 1.0, 0.05


class Database:
    """A connection for several threads, one at a time. WAL, synced at every commit, zeroing what it deletes.

    schema: statements that make the tables of a new file. before_commit: done at the end of every
    transaction,
    inside it: if it raises, nothing was written. undone: after one that raised. after_read:
    after a look outside of one.

    Raises:
        StorageError: the file is damaged or cannot be written; here and in every use of `write` and `read`.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self.path = path
        self.before_commit: Callable[[], None] = lambda: None
        self.undone: Callable[[], None] = lambda: None
        self.after_read: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        _create(path)
        with self._in_one_line():
            self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
            try:
                self._prepare(schema, version)
                self.shred_log()  # a kill between a deletion and its shredding left it there
            except BaseException:
                self._sql.close()
                raise

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        with self._lock:
            self._sql.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block is left, undone when it raises. One inside another is
        durable when the outer one is.
        """
        with self._lock, self._in_one_line():
            if self._sql.in_transaction:
                with self._part():
                    yield self._sql
                return
            self._sql.execute("BEGIN IMMEDIATE")
            try:
                with self._sql:
                    yield self._sql
                    self.before_commit()
            except BaseException:
                self.undone()
                raise

    @contextmanager
    def _part(self) -> Iterator[None]:
        self._sql.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK TO part")
            raise
        finally:
            self._sql.execute("RELEASE part")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One look at the file while nobody else in this process writes."""
        with self._lock, self._in_one_line():
            try:
                yield self._sql
            finally:
                if not self._sql.in_transaction:
                    self.after_read()

    def shred_log(self) -> None:
        """Empty the write-ahead log: it holds what was deleted (secure_delete zeroes the main file alone).

        Within a transaction it does nothing: whoever began that calls it again.
        """
        with self._lock, self._in_one_line():
            if self._sql.in_transaction:
                return
            self._wait_at_most(_READERS_S)
            try:
                self._empty_log()
            finally:
                self._wait_at_most(BUSY_S)

    def _empty_log(self) -> None:
        until = time.monotonic() + SHRED_S
        while True:  # SQLite waits for readers, but not for another's checkpoint
            busy, _, _ = self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
            if time.monotonic() > until:
                break
            time.sleep(_LOOK_S)  # nothing tells when that one is done
        raise StorageError(
            f"{self.path}-wal: in use, so what was deleted is still in it; stop its other readers"
        )

    def _wait_at_most(self, seconds: float) -> None:
        self._sql.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")

    def _prepare(self, schema: str, version: int) -> None:
        found = self._sql.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StorageError(
                f"{self.path}: damaged ({found.splitlines()[0]}); restore it from a backup, or move it away"
            )
        held = self._sql.execute("PRAGMA user_version").fetchone()[0]
        if held not in (0, version):
            raise StorageError(
                f"{self.path}: of version {held}, not {version}; use the release that wrote it"
            )
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            self._sql.execute(f"PRAGMA {pragma}")
        if held != version:
            self._make(schema, version)

    def _make(self, schema: str, version: int) -> None:
        """The tables of a new file, unless another process was quicker."""
        self._sql.execute("BEGIN IMMEDIATE")
        with self._sql:
            if self._sql.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in filter(str.strip, schema.split(";")):
                    self._sql.execute(statement)
                self._sql.execute(f"PRAGMA user_version={version}")

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
            advice = _WHAT_NEXT.get(code, "check the file and its directory")
            raise StorageError(f"{self.path}: {error}; {advice}") from error


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; the cloud must own this file") from error
