"""The SQLite file under the outbox: its tables, and how it is looked at before anything may write to it.

A file that is damaged, or is somebody else's, is never changed: it may be evidence.
"""

import sqlite3
from pathlib import Path

import msgspec

from device.ledger import Row, Tree, leaf_hash

_OURS = 0x4F564842
"""SQLite's application_id of an outbox: the letters OVHB."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {_OURS};
CREATE TABLE ledger (idx INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;
CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, utterance TEXT NOT NULL, kind TEXT NOT NULL, part INTEGER,
    topic TEXT NOT NULL, payload BLOB NOT NULL, first_sample INTEGER, samples INTEGER,
    departed INTEGER NOT NULL, cut_short INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX message_utterance ON message (utterance);
COMMIT;
"""


def look(path: Path) -> sqlite3.Connection:
    """Open the file so that it cannot be written."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def examine(db: sqlite3.Connection) -> Tree:
    """Return the tree over the ledger's rows; an empty one for an empty file.

    Raises:
        sqlite3.DatabaseError: it is damaged, a row is not where it was, or it is no outbox.
    """
    tree = Tree()
    if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("integrity check failed")
    if db.execute("PRAGMA application_id").fetchone() != (_OURS,):
        if db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.DatabaseError("another program's database")
        return tree
    for expected, (index, row) in enumerate(db.execute("SELECT idx, row FROM ledger ORDER BY idx")):
        if index != expected or not _is_row(row, index):
            raise sqlite3.DatabaseError(f"ledger row {expected} is missing or altered")
        tree.append(leaf_hash(row))
    return tree


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the file, with its tables if it is empty; a commit returns when it is on the disk."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if db.execute("PRAGMA application_id").fetchone() != (_OURS,):
            db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _is_row(row: bytes, index: int) -> bool:
    try:
        return msgspec.json.decode(row, type=Row).index == index
    except (msgspec.MsgspecError, ValueError):
        return False
