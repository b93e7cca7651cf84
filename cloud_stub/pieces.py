"""The tables of the vault. What must vanish without trace is a piece: its bytes live in pages of their own.

Measured: with secure_delete alone SQLite leaves parts of deleted rows behind, because cells that once moved
between pages are not zeroed where they were. Content beyond the first 1002 bytes of a cell stands in overflow
pages, which never move and are zeroed when freed. So every piece begins with padding, and that alone moves.
"""

import sqlite3
from typing import Literal

BEGIN, END, DATA_KEY, WORDS = -1, -2, -3, -4
"""Names of pieces; a segment's name is its index."""

VERSION = 1
SCHEMA = """
CREATE TABLE utterance (
    id TEXT PRIMARY KEY, device TEXT NOT NULL, state TEXT NOT NULL, begun REAL NOT NULL, news REAL NOT NULL,
    completed REAL, answered INTEGER NOT NULL DEFAULT 0, save INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_device ON utterance (device, begun);
CREATE TABLE piece (
    utterance TEXT, name INTEGER, padding BLOB NOT NULL DEFAULT (zeroblob(1024)), content BLOB NOT NULL,
    PRIMARY KEY (utterance, name)
) WITHOUT ROWID;
"""

Put = Literal["new", "same", "other"]


def get(sql: sqlite3.Connection, utterance: str, name: int) -> bytes | None:
    """The piece, or None."""
    query = "SELECT content FROM piece WHERE utterance = ? AND name = ?"
    row = sql.execute(query, (utterance, name)).fetchone()
    return row[0] if row else None


def put(sql: sqlite3.Connection, utterance: str, name: int, content: bytes) -> Put:
    """Keep a piece unless there is one of that name; say whether that one is the same."""
    held = get(sql, utterance, name)
    if held is not None:
        return "same" if held == content else "other"
    replace(sql, utterance, name, content)
    return "new"


def replace(sql: sqlite3.Connection, utterance: str, name: int, content: bytes) -> None:
    """Keep a piece instead of the one of that name."""
    sql.execute("REPLACE INTO piece (utterance, name, content) VALUES (?, ?, ?)", (utterance, name, content))


def segments(sql: sqlite3.Connection, utterance: str) -> dict[int, bytes]:
    """The segment messages of an utterance by index, in order."""
    query = "SELECT name, content FROM piece WHERE utterance = ? AND name >= 0 ORDER BY name"
    return dict(sql.execute(query, (utterance,)).fetchall())


def drop(sql: sqlite3.Connection, utterance: str) -> None:
    """Delete every piece of an utterance, the key first of all."""
    sql.execute("DELETE FROM piece WHERE utterance = ?", (utterance,))
