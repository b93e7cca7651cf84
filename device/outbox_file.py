"""The SQLite file under the outbox: its tables, and how it is looked at before anything may write to it.

A file that is damaged, or is somebody else's, is never changed here: it may be evidence.
"""

import fcntl
import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from device.errors import DamagedError, DiskError, StorageError
from device.ledger import Row, Tree, leaf_hash

_OURS = 0x4F564842
"""SQLite's application_id of an outbox: the letters OVHB."""

_MAGIC = b"SQLite format 3\0"

_JOURNAL = struct.Struct(">8s8xI")
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
"""A rollback journal begins with this, and 16 bytes on says how many pages the database had before."""

_VERSION = 1
"""SQLite's user_version: 1 knows how long the firmware has run, when a message was made by that clock, and
what left later than it was made (apart from the messages: to mark one would write all of it to the card
again).
"""

_HEADS = 64
"""From so many of the last heads that left it can be proved that the ledger goes on."""

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

_TO_1 = """
BEGIN IMMEDIATE;
ALTER TABLE message ADD COLUMN born_s INTEGER NOT NULL DEFAULT 0;
CREATE TABLE running (seconds INTEGER NOT NULL) STRICT;
CREATE TABLE left_later (seq INTEGER PRIMARY KEY) STRICT;
INSERT INTO running VALUES (0);
PRAGMA user_version = 1;
COMMIT;
"""


class Foreign(sqlite3.DatabaseError):
    """A database, but not ours, or of a firmware that is newer than this one."""


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Hold the file, made if it is not there (mode 0600), against every other firmware: two on one ledger
    would fork it.

    Raises:
        StorageError: another firmware has it.
    """
    own = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            theirs = not os.path.samestat(os.fstat(own), path.stat())  # it has just set this one aside
        except BlockingIOError:
            theirs = True
        if theirs:
            raise StorageError(f"{path}: another firmware writes here; stop it first")
        yield
    finally:
        fcntl.flock(own, fcntl.LOCK_UN)  # a child that is being started may still hold a copy
        os.close(own)


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Say what goes wrong inside as a StorageError, by what can be done about it."""
    try:
        yield
    except StorageError:
        raise
    except (sqlite3.OperationalError, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise DiskError(f"{path}: {why}; make room and see that the firmware may write there") from error
    except Foreign as error:
        raise StorageError(f"{path}: {error}; it is left as it is: name another device.state_dir") from error
    except sqlite3.DatabaseError as error:
        raise DamagedError(
            f"{path}: damaged ({error}); it is left as it is: overheard-device run sets it aside"
        ) from error


def undo_beginning(path: Path) -> None:
    """Where the power was cut while an empty file was being made an outbox: make it empty again.

    SQLite keeps a journal for that one moment, and can't undo it when it may only look. A journal of a file
    that had anything in it is not ours, and is left.
    """
    journal = path.with_name(path.name + "-journal")
    if not journal.exists():
        return
    with journal.open("rb") as file:
        head = file.read(_JOURNAL.size)
    if len(head) == _JOURNAL.size and _JOURNAL.unpack(head) == (_JOURNAL_MAGIC, 0):
        with closing(sqlite3.connect(path)) as db:
            db.execute("SELECT 1 FROM sqlite_master").fetchone()


def look(path: Path) -> sqlite3.Connection:
    """Open the file so that it cannot be written."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


class Grown(NamedTuple):
    """The tree over a ledger's rows, and its frontier at each of the last heads that left, by size."""

    tree: Tree
    heads: dict[int, tuple[bytes, ...]]

    def remember(self, size: int, frontier: tuple[bytes, ...]) -> None:
        """Remember a head, for a proof from there."""
        self.heads[size] = frontier
        while len(self.heads) > _HEADS:
            del self.heads[next(iter(self.heads))]


def examine(db: sqlite3.Connection, path: Path) -> Grown:
    """Return the tree over the ledger's rows; an empty one for an empty file.

    Raises:
        Foreign: it is no outbox, or one that this firmware does not know.
        sqlite3.DatabaseError: it is damaged, or a row is not where it was.
    """
    if not _is_ours(db, path):
        return Grown(Tree(), {})
    try:
        return _tree(db)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise  # the disk; a table or a column that is missing is damage
        raise sqlite3.DatabaseError(str(error)) from error


def _is_ours(db: sqlite3.Connection, path: Path) -> bool:
    """Say whether it is an outbox, or empty. Raises Foreign when it is another program's."""
    try:
        if db.execute("PRAGMA application_id").fetchone() == (_OURS,):
            return True
        if db.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            return False
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
    except sqlite3.DatabaseError:
        with path.open("rb") as file:
            head = file.read(72)
        if not head.startswith(_MAGIC) or head[68:] == _OURS.to_bytes(4, "big"):
            raise
    raise Foreign("another program's database")


def _tree(db: sqlite3.Connection) -> Grown:
    if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("integrity check failed")
    if db.execute("PRAGMA user_version").fetchone() > (_VERSION,):
        raise Foreign("made by a newer firmware")
    db.execute("SELECT seq, utterance, kind, part, topic, payload, departed, cut_short FROM message LIMIT 0")
    grown = Grown(Tree(), {})
    for expected, (index, encoded) in enumerate(db.execute("SELECT idx, row FROM ledger ORDER BY idx")):
        row = _row(encoded)
        if index != expected or row is None or row.index != index:
            raise sqlite3.DatabaseError(f"ledger row {expected} is missing or altered")
        if row.kind == "checkpoint":
            grown.remember(index, grown.tree.frontier)
        grown.tree.append(leaf_hash(encoded))
    return grown


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the file, with its tables if it is empty and what they lack if it is from before; a commit returns
    when it is on the disk.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if db.execute("PRAGMA application_id").fetchone() != (_OURS,):
            db.executescript(_SCHEMA)
        if db.execute("PRAGMA user_version").fetchone() == (0,):
            db.executescript(_TO_1)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _row(encoded: bytes) -> Row | None:
    try:
        return msgspec.json.decode(encoded, type=Row)
    except (msgspec.MsgspecError, ValueError):
        return None
