"""Who listened, and who deleted: a ledger with a Merkle head. Nothing here changes or removes a row."""

import sqlite3
from datetime import UTC, datetime
from typing import Literal

import msgspec
import rfc8785

from cloud_stub.whose import Whose
from device.ledger import Checkpoint, inclusion_proof, leaf_hash, root_of

SCHEMA = "CREATE TABLE access (idx INTEGER PRIMARY KEY, utterance TEXT NOT NULL, row BLOB NOT NULL);"
ORIGIN = "overheard-cloud/access"


NO_PERSON = ("machine", "owner")
"""The roles of those in the ledger who are nobody of the cloud's people."""

Did = Literal["open", "read", "forget", "identify"]
"""Heard the sound; read the words alone; deleted it; learned whose it is."""


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row: who did it to which utterance, why, and when (UTC)."""

    index: int
    did: Did
    utterance: str
    device: str
    who: str
    why: str
    when: str


def append(sql: sqlite3.Connection, did: Did, whose: Whose, by: tuple[str, str, datetime]) -> None:
    """Add a row, in the caller's transaction. by: who, why, when. The utterance must be one that came."""
    who, why, now = by
    index = sql.execute("SELECT count(*) FROM access").fetchone()[0]
    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    row = rfc8785.dumps(
        msgspec.to_builtins(Access(index, did, whose.utterance, whose.device, who, why, when))
    )
    sql.execute("INSERT INTO access VALUES (?, ?, ?)", (index, whose.utterance, row))


def rows(sql: sqlite3.Connection, device: str | None = None) -> list[Access]:
    """All rows in order, or those of one device."""
    found = (
        msgspec.json.decode(row, type=Access) for (row,) in sql.execute("SELECT row FROM access ORDER BY idx")
    )
    return [row for row in found if device in (None, row.device)]


class Proved(msgspec.Struct, frozen=True):
    """A row as canonical JSON, and what proves that it stands in the ledger of `size` rows (RFC 6962,
    hex).
    """

    row: Access
    size: int
    proof: list[str]


def proved(sql: sqlite3.Connection, device: str) -> list[Proved]:
    """The rows of one device with their proofs, against the ledger as it is now."""
    kept = [row for (row,) in sql.execute("SELECT row FROM access ORDER BY idx")]
    leaves = [leaf_hash(row) for row in kept]
    found = [msgspec.json.decode(row, type=Access) for row in kept]
    return [
        Proved(row, len(leaves), [each.hex() for each in inclusion_proof(leaves, row.index)])
        for row in found
        if row.device == device
    ]


def head(sql: sqlite3.Connection) -> Checkpoint:
    """The size and Merkle root of the ledger (RFC 6962 over the rows' canonical JSON)."""
    leaves = [leaf_hash(row) for (row,) in sql.execute("SELECT row FROM access ORDER BY idx")]
    return Checkpoint(ORIGIN, len(leaves), root_of(leaves))
