"""The heads of devices' ledgers as they came, in a file of their own: two of one size that differ are a fork.

A head comes in an end record or in a checkpoint, without a proof that it goes on from the one before, so the
cloud cosigns none: it keeps what the device signed, and compares. An auditor who has the ledger's rows checks
every head that is kept here against them. A head is never deleted for another, nor for its utterance: it says
how many rows there were, and no more.
"""

from pathlib import Path
from typing import Literal

from cloud_stub.database import Database
from cloud_stub.private_files import private_directory
from device.ledger import Checkpoint, LedgerError, Verifier, open_note, split_note

_SCHEMA = """
    CREATE TABLE device (device TEXT PRIMARY KEY, signer BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE head (device TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL,
                       PRIMARY KEY (device, size, root)) WITHOUT ROWID;
"""
KEPT = 10_000
"""So many heads of a device are kept; of more the smallest go."""

Outcome = Literal["none", "unknown", "unfit", "same", "new", "forked"]


class Witness:
    """Keeps heads in `directory`/heads.sqlite, `most` of each device; use it from one thread at a time.

    `forks` counts heads that differ from one of their size, `unfit` what no device's ledger ever signs.

    Raises:
        StorageError: as `Database` does, here and in `take`.
    """

    def __init__(self, directory: Path, most: int = KEPT) -> None:
        private_directory(directory)
        self._database = Database(directory / "heads.sqlite", _SCHEMA, 1)
        self._most = most
        self.forks = 0
        self.unfit = 0

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def knows(self, device: str, signer: bytes) -> None:
        """Remember the key that a device signs with, from a begin that was verified: the id certifies it."""
        with self._database.write() as sql:
            sql.execute("INSERT OR IGNORE INTO device VALUES (?, ?)", (device, signer))

    def take(self, device: str, note: str) -> Outcome:
        """Keep the head in `note`, if there is one and the device signed it; say what came of it."""
        if not note:
            return "none"
        with self._database.read() as sql:
            found = sql.execute("SELECT signer FROM device WHERE device = ?", (device,)).fetchone()
        if found is None:
            return "unknown"
        head = _opened(note, Verifier(device, found[0]))
        if head is None:
            self.unfit += 1
            return "unfit"
        return self._keep(device, head, note)

    def of(self, device: str) -> list[str]:
        """Every head that is kept of a device, as it signed them, by size."""
        with self._database.read() as sql:
            rows = sql.execute("SELECT note FROM head WHERE device = ? ORDER BY size, root", (device,))
            return [note for (note,) in rows]

    def _keep(self, device: str, head: Checkpoint, note: str) -> Outcome:
        with self._database.write() as sql:
            same_size = sql.execute(
                "SELECT root FROM head WHERE device = ? AND size = ?", (device, head.size)
            ).fetchall()
            if (head.root,) in same_size:
                return "same"
            sql.execute("INSERT INTO head VALUES (?, ?, ?, ?)", (device, head.size, head.root, note))
            sql.execute(
                "DELETE FROM head WHERE device = ?1 AND size < (SELECT size FROM head WHERE device = ?1"
                " ORDER BY size DESC LIMIT 1 OFFSET ?2)",
                (device, self._most - 1),
            )
        if not same_size:
            return "new"
        self.forks += 1
        return "forked"


def _opened(note: str, key: Verifier) -> Checkpoint | None:
    """The head, if it is one of the device's ledger under the device's signature and nothing else."""
    try:
        head = Checkpoint.parse(open_note(note, [key]))
        alone = len(split_note(note)[1]) == 1
    except LedgerError:
        return None
    return head if alone and head.origin == f"overheard/v1/{key.name}" and head.size < 2**53 else None
