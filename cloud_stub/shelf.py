"""Where the pieces of utterances stand. What opens them never stands anywhere but in the vault's own file.

Ciphertext may stand elsewhere: a database server cannot promise to erase what it deletes (its write-ahead
log, dead rows, replicas), but what has lost its key is noise. So keys, headers and states stay in
vault.sqlite, which can promise it, and segments, ends, words and notes may be in Postgres.
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from cloud_stub import pieces
from cloud_stub.errors import ConfigError, StorageError
from cloud_stub.pieces import BEGIN, BLOB, DATA_KEY, Put
from cloud_stub.whose import Whose

HERE = (BEGIN, DATA_KEY, BLOB)
"""The pieces that never leave the vault's own file: keys, and headers and lists, which are no ciphertext."""

TABLE = """
CREATE TABLE IF NOT EXISTS piece (
    device text, utterance text, name integer, content bytea NOT NULL, PRIMARY KEY (device, utterance, name)
)
"""


class Shelf(Protocol):
    """Pieces by utterance and name. sql: the vault's own transaction, in which it is asked."""

    def get(self, sql: sqlite3.Connection, whose: Whose, name: int) -> bytes | None:
        """The piece, or None."""

    def put(self, sql: sqlite3.Connection, whose: Whose, name: int, content: bytes) -> Put:
        """Keep a piece unless there is one of that name; say whether that one is the same."""

    def replace(self, sql: sqlite3.Connection, whose: Whose, name: int, content: bytes) -> None:
        """Keep a piece instead of the one of that name."""

    def has(self, sql: sqlite3.Connection, whose: Whose, name: int) -> bool:
        """Whether there is a piece of that name."""

    def count_segments(self, sql: sqlite3.Connection, whose: Whose) -> int:
        """How many segments of an utterance are here."""

    def segments(self, sql: sqlite3.Connection, whose: Whose) -> dict[int, bytes]:
        """The segment messages of an utterance by index, in order."""

    def holds(self, sql: sqlite3.Connection) -> set[Whose]:
        """The utterances of which there is any piece."""

    def drop_segments(self, sql: sqlite3.Connection, whose: Whose) -> None:
        """Delete the segments of an utterance: they are elsewhere."""

    def drop(self, sql: sqlite3.Connection, whose: Whose) -> None:
        """Delete every piece of an utterance, the key first of all."""

    def expect(self, all_of: Collection[Whose]) -> None:
        """These will be asked for in this transaction: find out together what is there of them."""

    def commit(self) -> None:
        """Make durable what was put, before the vault's own transaction is."""

    def undo(self) -> None:
        """Forget what was put since the last `commit`."""

    def close(self) -> None:
        """Let go of it. Twice is harmless."""


class OwnFile:
    """Everything in the vault's own file."""

    get, put, replace = staticmethod(pieces.get), staticmethod(pieces.put), staticmethod(pieces.replace)
    has, count_segments = staticmethod(pieces.has), staticmethod(pieces.count_segments)
    segments, drop_segments = staticmethod(pieces.segments), staticmethod(pieces.drop_segments)
    holds, drop = staticmethod(pieces.holds), staticmethod(pieces.drop)

    def expect(self, all_of: Collection[Whose]) -> None:
        """It is here."""

    def commit(self) -> None:
        """The vault does."""

    def undo(self) -> None:
        """The vault does."""

    def close(self) -> None:
        """The vault does."""


class Postgres:
    """All pieces but HERE in a Postgres database. One connection, used within the vault's lock.

    Whoever writes holds the lock of the vault's own file, over all processes. So within a transaction nobody
    else changes anything here: what is there is asked once, and what is new is sent together.

    url: postgresql://user@host/database; a password stands in ~/.pgpass, never here.

    Raises:
        ConfigError: psycopg is not installed.
        StorageError: the server cannot be reached, or says no; from every method, too.
    """

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            what = "[storage] database: Postgres needs an extra; run: scripts/setup .venv cloud,cluster"
            raise ConfigError(what) from error
        self._error: type[Exception] = psycopg.Error
        self._where = url.rpartition("@")[2]
        self._there: dict[Whose, set[int]] = {}
        self._new: dict[tuple[Whose, int], bytes] = {}
        with self._in_one_line():
            self._sql: psycopg.Connection[Any] = psycopg.connect(url, connect_timeout=10)
            with self._sql.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(4711)")  # two that make a table at once collide
                cursor.execute(TABLE)
            self._sql.commit()

    def expect(self, all_of: Collection[Whose]) -> None:
        """See Shelf."""
        wanted = [whose for whose in all_of if whose not in self._there]
        query = "SELECT device, utterance, name FROM piece WHERE (device, utterance) IN"
        query += " (SELECT * FROM unnest(%s::text[], %s::text[]))"
        self._there |= {whose: set() for whose in wanted}
        for device, utterance, name in self._ask(
            query, [w.device for w in wanted], [w.utterance for w in wanted]
        ):
            self._there[Whose(device, utterance)].add(name)

    def get(self, sql: sqlite3.Connection, whose: Whose, name: int) -> bytes | None:
        """See Shelf."""
        if name in HERE:
            return pieces.get(sql, whose, name)
        if (whose, name) in self._new:
            return self._new[whose, name]
        rows = self._ask(
            "SELECT content FROM piece WHERE device=%s AND utterance=%s AND name=%s", *whose, name
        )
        return bytes(rows[0][0]) if rows else None

    def put(self, sql: sqlite3.Connection, whose: Whose, name: int, content: bytes) -> Put:
        """See Shelf."""
        if name in HERE:
            return pieces.put(sql, whose, name, content)
        if name in self._names(whose):
            return "same" if self.get(sql, whose, name) == content else "other"
        self.replace(sql, whose, name, content)
        return "new"

    def replace(self, sql: sqlite3.Connection, whose: Whose, name: int, content: bytes) -> None:
        """See Shelf."""
        if name in HERE:
            pieces.replace(sql, whose, name, content)
            return
        self._names(whose).add(name)
        self._new[whose, name] = content

    def has(self, sql: sqlite3.Connection, whose: Whose, name: int) -> bool:
        """See Shelf."""
        return pieces.has(sql, whose, name) if name in HERE else name in self._names(whose)

    def count_segments(self, sql: sqlite3.Connection, whose: Whose) -> int:
        """See Shelf."""
        del sql
        return sum(name >= 0 for name in self._names(whose))

    def segments(self, sql: sqlite3.Connection, whose: Whose) -> dict[int, bytes]:
        """See Shelf."""
        del sql
        query = "SELECT name, content FROM piece WHERE device=%s AND utterance=%s AND name >= 0"
        found = {name: bytes(content) for name, content in self._ask(query, *whose)}
        found |= {name: content for (of, name), content in self._new.items() if of == whose and name >= 0}
        return dict(sorted(found.items()))

    def holds(self, sql: sqlite3.Connection) -> set[Whose]:
        """See Shelf."""
        there = self._ask("SELECT DISTINCT device, utterance FROM piece")
        return pieces.holds(sql) | {Whose(*row) for row in there} | {whose for whose, _ in self._new}

    def drop_segments(self, sql: sqlite3.Connection, whose: Whose) -> None:
        """See Shelf."""
        del sql
        self._new = {key: each for key, each in self._new.items() if key[0] != whose or key[1] < 0}
        self._there.pop(whose, None)
        gone = "DELETE FROM piece WHERE device=%s AND utterance=%s AND name >= 0 RETURNING 1"
        self._ask(gone, *whose)

    def drop(self, sql: sqlite3.Connection, whose: Whose) -> None:
        """The key goes first, here; that the rest goes as well is tidiness."""
        pieces.drop(sql, whose)
        self._new = {key: content for key, content in self._new.items() if key[0] != whose}
        self._there[whose] = set()
        self._ask("DELETE FROM piece WHERE device=%s AND utterance=%s RETURNING 1", *whose)

    def commit(self) -> None:
        """See Shelf."""
        keep = "INSERT INTO piece VALUES (%s, %s, %s, %s) ON CONFLICT (device, utterance, name)"
        keep += " DO UPDATE SET content = excluded.content"
        rows = [(*whose, name, content) for (whose, name), content in sorted(self._new.items())]
        with self._in_one_line():
            if rows:
                with self._sql.cursor() as cursor:
                    cursor.executemany(keep.encode(), rows)
            self._sql.commit()
        self._forget()

    def undo(self) -> None:
        """See Shelf."""
        self._forget()
        with self._in_one_line():
            self._sql.rollback()

    def _forget(self) -> None:
        """What was known is of this transaction alone: the next may find something else."""
        self._there.clear()
        self._new.clear()

    def close(self) -> None:
        """See Shelf."""
        self._sql.close()

    def _names(self, whose: Whose) -> set[int]:
        if whose not in self._there:
            self.expect([whose])
        return self._there[whose]

    def _ask(self, query: str, *values: Any) -> list[Any]:
        with self._in_one_line(), self._sql.cursor() as cursor:
            cursor.execute(query.encode(), values)
            return cursor.fetchall()

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            said = " ".join(str(error).split())
            raise StorageError(f"{self._where}: {said}; check the server, then start again") from error


def open_shelf(database: str) -> Shelf:
    """Where [storage] database says: "" for the vault's own file. Raises ConfigError, StorageError."""
    if not database:
        return OwnFile()
    if (
        not database.startswith("postgresql://")
        or ":" in database.removeprefix("postgresql://").split("@")[0]
    ):
        raise ConfigError(
            "[storage] database: write postgresql://user@host/name, and the password into ~/.pgpass"
        )
    return Postgres(database)
