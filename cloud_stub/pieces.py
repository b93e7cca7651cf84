"""The tables of the vault. What must vanish without trace is a piece: its bytes live in pages of their own.

Measured: with secure_delete alone SQLite leaves parts of deleted rows behind, because cells that once moved
between pages are not zeroed where they were. Content beyond the first 1002 bytes of a cell stands in overflow
pages, which never move and are zeroed when freed. So every piece begins with padding, and that alone moves.
"""

import sqlite3
from typing import Literal

from cloud_stub.whose import Whose

BEGIN, END, DATA_KEY, WORDS, NOTES, PREPARED, BLOB = -1, -2, -3, -4, -5, -6, -7
"""Names of pieces; a segment's name is its index. NOTES: of people; PREPARED: what people may hear of it;
BLOB: what the blob holds that has its segments (see stow).
"""

VERSION = 2
SCHEMA = """
CREATE TABLE utterance (
    id TEXT, device TEXT, state TEXT NOT NULL, begun REAL NOT NULL, news REAL NOT NULL, completed REAL,
    answered INTEGER NOT NULL DEFAULT 0, ledger_index INTEGER NOT NULL, save INTEGER NOT NULL,
    PRIMARY KEY (device, id)
) WITHOUT ROWID;
CREATE INDEX by_device ON utterance (device, begun);
CREATE TABLE piece (
    device TEXT, utterance TEXT, name INTEGER, padding BLOB NOT NULL DEFAULT (zeroblob(1024)),
    content BLOB NOT NULL, PRIMARY KEY (device, utterance, name)
) WITHOUT ROWID;
"""

Put = Literal["new", "same", "other"]


def get(sql: sqlite3.Connection, whose: Whose, name: int) -> bytes | None:
    """The piece, or None."""
    query = "SELECT content FROM piece WHERE device = ? AND utterance = ? AND name = ?"
    row = sql.execute(query, (*whose, name)).fetchone()
    return row[0] if row else None


def has(sql: sqlite3.Connection, whose: Whose, name: int) -> bool:
    """Whether there is a piece of that name."""
    query = "SELECT 1 FROM piece WHERE device = ? AND utterance = ? AND name = ?"
    return sql.execute(query, (*whose, name)).fetchone() is not None


def count_segments(sql: sqlite3.Connection, whose: Whose) -> int:
    """How many segments of an utterance are here."""
    query = "SELECT count(*) FROM piece WHERE device = ? AND utterance = ? AND name >= 0"
    return int(sql.execute(query, whose).fetchone()[0])


def put(sql: sqlite3.Connection, whose: Whose, name: int, content: bytes) -> Put:
    """Keep a piece unless there is one of that name; say whether that one is the same."""
    held = get(sql, whose, name)
    if held is not None:
        return "same" if held == content else "other"
    replace(sql, whose, name, content)
    return "new"


def replace(sql: sqlite3.Connection, whose: Whose, name: int, content: bytes) -> None:
    """Keep a piece instead of the one of that name."""
    keep = "REPLACE INTO piece (device, utterance, name, content) VALUES (?, ?, ?, ?)"
    sql.execute(keep, (*whose, name, content))


def segments(sql: sqlite3.Connection, whose: Whose) -> dict[int, bytes]:
    """The segment messages of an utterance by index, in order."""
    query = "SELECT name, content FROM piece WHERE device = ? AND utterance = ? AND name >= 0 ORDER BY name"
    return dict(sql.execute(query, whose).fetchall())


def holds(sql: sqlite3.Connection) -> set[Whose]:
    """The utterances of which there is any piece."""
    return {Whose(*row) for row in sql.execute("SELECT DISTINCT device, utterance FROM piece")}


def drop_segments(sql: sqlite3.Connection, whose: Whose) -> None:
    """Delete the segments of an utterance, and nothing else of it."""
    sql.execute("DELETE FROM piece WHERE device = ? AND utterance = ? AND name >= 0", whose)


def drop(sql: sqlite3.Connection, whose: Whose) -> None:
    """Delete every piece of an utterance, the key first of all."""
    sql.execute("DELETE FROM piece WHERE device = ? AND utterance = ?", whose)
