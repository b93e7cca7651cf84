"""What was done to people and their rights: a ledger with a Merkle head, as of the vault. It names them
by id.
"""

import sqlite3
from datetime import UTC, datetime

import msgspec
import rfc8785

from device.ledger import Checkpoint, leaf_hash, root_of

ORIGIN = "overheard-cloud/people"


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row: who did what to whom (ids), why, and when (UTC)."""

    index: int
    did: str
    whom: str
    who: str
    why: str
    when: str


def append(sql: sqlite3.Connection, did: str, whom: str, by: tuple[str, str, datetime]) -> None:
    """Add a row in the caller's transaction. by: who, why, when."""
    who, why, now = by
    index = sql.execute("SELECT count(*) FROM event").fetchone()[0]
    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    row = rfc8785.dumps(msgspec.to_builtins(Event(index, did, whom, who, why, when)))
    sql.execute("INSERT INTO event VALUES (?, ?)", (index, row))


def rows(sql: sqlite3.Connection) -> list[Event]:
    """All rows in order."""
    found = sql.execute("SELECT row FROM event ORDER BY idx")
    return [msgspec.json.decode(row, type=Event) for (row,) in found]


def head(sql: sqlite3.Connection) -> Checkpoint:
    """The size and Merkle root of the ledger (RFC 6962 over the rows' canonical JSON)."""
    leaves = [leaf_hash(row) for (row,) in sql.execute("SELECT row FROM event ORDER BY idx")]
    return Checkpoint(ORIGIN, len(leaves), root_of(leaves))
