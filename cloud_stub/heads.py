"""The heads of devices' ledgers in a file of their own: `directory`/heads.sqlite. It judges none.

A head is never deleted for another, nor for its utterance: it says how many rows there were, and no more.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from cloud_stub.database import Database
from cloud_stub.errors import StorageError
from cloud_stub.private_files import private_directory
from device.ledger import Checkpoint

FILE = "heads.sqlite"

_SCHEMA = """
    CREATE TABLE device (device TEXT PRIMARY KEY, signer BLOB NOT NULL, since_s INTEGER NOT NULL)
                         WITHOUT ROWID;
    CREATE TABLE head (device TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL,
                       PRIMARY KEY (device, size, root)) WITHOUT ROWID;
    CREATE TABLE cosigned (device TEXT PRIMARY KEY, note TEXT NOT NULL, size INTEGER NOT NULL,
                           at_s INTEGER NOT NULL) WITHOUT ROWID;
"""
_KEEP = "DELETE FROM head WHERE device = ? AND size < ("
_KEEP += "SELECT size FROM head WHERE device = ? ORDER BY size DESC LIMIT 1 OFFSET ?)"

_GROWN = """
    SELECT device.device, cosigned.size, max(head.size), coalesce(cosigned.at_s, device.since_s)
    FROM device JOIN head USING (device) LEFT JOIN cosigned USING (device) GROUP BY device.device
"""


class Grown(NamedTuple):
    """How far a device's ledger is cosigned, how far it is known, and since when (POSIX s) it is so."""

    device: str
    cosigned: int | None
    newest: int
    since_s: int


class Heads:
    """Keeps `most` heads of each device, the largest; use it from one thread at a time.

    Raises:
        StorageError: as `Database` does, here and in every method.
    """

    def __init__(self, directory: Path, most: int) -> None:
        private_directory(directory)
        self._database = Database(directory / FILE, _SCHEMA, 1)
        self._most = most

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def knows(self, device: str, signer: bytes, now_s: int) -> None:
        """Remember the key that a device signs with, and since when."""
        with self._database.write() as sql:
            sql.execute("INSERT OR IGNORE INTO device VALUES (?, ?, ?)", (device, signer, now_s))

    def signer(self, device: str) -> bytes | None:
        """The key that a device signs with, if it is known."""
        with self._database.read() as sql:
            found = sql.execute("SELECT signer FROM device WHERE device = ?", (device,)).fetchone()
        return bytes(found[0]) if found else None

    def keep(self, device: str, head: Checkpoint, note: str) -> tuple[bool, int]:
        """Keep a head; return whether it is new, and how many others of its size there are."""
        with self._database.write() as sql:
            found = sql.execute("SELECT root FROM head WHERE device = ? AND size = ?", (device, head.size))
            roots = {root for (root,) in found}
            if head.root not in roots:
                sql.execute("INSERT INTO head VALUES (?, ?, ?, ?)", (device, head.size, head.root, note))
                sql.execute(_KEEP, (device, device, self._most - 1))
        return head.root not in roots, len(roots - {head.root})

    def of(self, device: str) -> list[str]:
        """Every head that is kept of a device, as it signed them, by size."""
        with self._database.read() as sql:
            rows = sql.execute("SELECT note FROM head WHERE device = ? ORDER BY size, root", (device,))
            return [note for (note,) in rows]

    def cosigned(self, device: str) -> str | None:
        """The last head of a device that was cosigned, with both lines."""
        with self._database.read() as sql:
            return _cosigned(sql, device)

    def put_cosigned(self, device: str, note: str, size: int, at_s: int) -> None:
        """Keep a head that was cosigned in place of the last one."""
        with self._database.write() as sql:
            sql.execute("INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?)", (device, note, size, at_s))

    def grown(self) -> list[Grown]:
        """How far the ledger of every device is known and cosigned."""
        with self._database.read() as sql:
            return [Grown(*row) for row in sql.execute(_GROWN)]


def last_cosigned(directory: Path, device: str) -> str | None:
    """The last head of a device that a cloud cosigned, read from its folder while it runs or not.

    Raises:
        StorageError: there is no such file, or it is damaged.
    """
    path = directory / FILE
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as sql:
            return _cosigned(sql, device)
    except sqlite3.Error as error:
        raise StorageError(f"{path}: {error}; name the settings of the cloud with --config") from error


def _cosigned(sql: sqlite3.Connection, device: str) -> str | None:
    found = sql.execute("SELECT note FROM cosigned WHERE device = ?", (device,)).fetchone()
    return str(found[0]) if found else None
