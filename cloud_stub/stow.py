"""Brings the sound of recordings to where [storage] blobs says, and takes it away from there when they go.

A recording is complete, and acknowledged, by what is in the vault; its sound is stowed later, by errands that
stand in the vault's own file. So a store that cannot be reached delays errands and nothing else, nothing
waits for a network with the vault locked, and no errand is lost: what a crash left half done is done again.
One process runs errands; many may write them down.
"""

import hashlib
import sqlite3
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from cloud_stub import pieces
from cloud_stub.blobs import Blobs
from cloud_stub.database import Database
from cloud_stub.errors import ConfigError, NotTaken, OutOfReach, StorageError
from cloud_stub.pieces import BLOB
from cloud_stub.shelf import Shelf
from cloud_stub.whose import Whose

TABLE = """
CREATE TABLE IF NOT EXISTS errand (
    device TEXT, utterance TEXT, remove INTEGER NOT NULL, due REAL NOT NULL, said TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (device, utterance)
) WITHOUT ROWID
"""
PLACE = """
CREATE TABLE place (
    device TEXT, utterance TEXT, store TEXT NOT NULL, PRIMARY KEY (device, utterance)
) WITHOUT ROWID
"""
"""In which store a blob is, or may be: written down before it is brought, until it is removed."""

STAY = timedelta(seconds=60)
"""So long a recording stays in the vault alone: it is answered, and often shredded, at once."""

LATER = timedelta(seconds=10)
"""So long after a failure an errand is tried again."""

AT_ONCE = 50
DIGEST_BYTES = 32
_HEAD = struct.Struct(">II")
_INDEX = struct.Struct(f">I{DIGEST_BYTES}s")


class Errand(NamedTuple):
    """remove: take the blob away; else bring it. said: what the store answered last, if it said no."""

    whose: Whose
    remove: bool
    said: str


class Stow:
    """The errands of one vault. blobs: None where sound stays with everything else.

    Raises:
        ConfigError: sound is, or may be, in blobs that these are not.
    """

    def __init__(self, database: Database, shelf: Shelf, blobs: Blobs | None) -> None:
        self._database = database
        self._shelf = shelf
        self._blobs = blobs
        if blobs is None:
            with database.read() as sql:
                _refuse_what_is_elsewhere(sql, "")
        else:
            with database.write() as sql:
                sql.execute(TABLE)
                if not _is_table(sql, "place"):
                    sql.execute(PLACE)
                    _place_the_rest(sql, blobs.where)
                _refuse_what_is_elsewhere(sql, blobs.where)
                _bring_the_rest(sql)

    def completed(self, sql: sqlite3.Connection, whose: Whose, now: datetime) -> None:
        """In the transaction in which an utterance is complete: bring it, if it may stay."""
        if self._blobs is not None:
            note = "INSERT OR IGNORE INTO errand (device, utterance, remove, due)"
            note += " SELECT device, id, 0, ? FROM utterance WHERE device = ? AND id = ? AND save"
            sql.execute(note, ((now + STAY).timestamp(), *whose))

    def forgotten(self, sql: sqlite3.Connection, whose: Whose, now: datetime) -> None:
        """In the transaction in which it is forgotten: take its blob away, if there may be one."""
        if not _is_table(sql, "place"):
            return
        _done(sql, whose)
        if _store_of(sql, whose):
            note = "INSERT INTO errand (device, utterance, remove, due) VALUES (?, ?, 1, ?)"
            sql.execute(note, (*whose, now.timestamp()))

    def run(self, now: datetime) -> int:
        """Do the errands that are due; return how many were done. One that fails ends it until later."""
        if self._blobs is None:
            return 0
        done = 0
        for each in self._due(now):
            try:
                self._do(each, self._blobs)
            except StorageError as error:
                self._postpone(each, str(error), now)
                break
            done += 1
        return done

    def errands(self) -> list[Errand]:
        """What is not done yet: the first to be done first."""
        if self._blobs is None:
            return []
        query = "SELECT device, utterance, remove, said FROM errand ORDER BY due"
        with self._database.read() as sql:
            return [_made(*row) for row in sql.execute(query)]

    def fetch(self, whose: Whose, index: bytes) -> dict[int, bytes]:
        """The segments, as `index` says that they are. Raises OutOfReach when they are not to be had."""
        assert self._blobs is not None  # noqa: S101 (for the type checker: see __init__)
        try:
            content = self._blobs.get(name_of(whose))
        except StorageError as error:
            raise OutOfReach(str(error)) from error
        segments = unpacked(content) if content is not None else {}
        if index_of(segments) != index:
            found = "altered" if content is not None else "not there"
            raise OutOfReach(f"utterance {whose}: its blob is {found}; restore it from a backup")
        return segments

    def _due(self, now: datetime) -> list[Errand]:
        query = "SELECT device, utterance, remove, said FROM errand WHERE due <= ? ORDER BY due LIMIT ?"
        with self._database.read() as sql:
            return [_made(*row) for row in sql.execute(query, (now.timestamp(), AT_ONCE))]

    def _do(self, errand: Errand, blobs: Blobs) -> None:
        if errand.remove:
            with self._database.read() as sql:
                may_be_there = _is_in(sql, errand.whose, blobs)
            if may_be_there:
                blobs.remove(name_of(errand.whose))
            with self._database.write() as sql:
                _done(sql, errand.whose)
                _displace(sql, errand.whose)
        elif self._brought(errand.whose, blobs):
            # A second transaction: a shelf elsewhere is told before the vault's own file is, and a crash
            # between the two must find the index there.
            with self._database.write() as sql:
                if _wanted(sql, errand.whose):
                    self._shelf.drop_segments(sql, errand.whose)
                    _done(sql, errand.whose)

    def _brought(self, whose: Whose, blobs: Blobs) -> bool:
        """Whether its blob is there, and what is in it is known; False when it was forgotten on the way: then
        another errand takes it away again.
        """
        with self._database.read() as sql:
            if pieces.has(sql, whose, BLOB):
                return True
            segments = self._shelf.segments(sql, whose)
        if segments:
            self._put(whose, packed(segments), blobs)
        with self._database.write() as sql:
            if not _wanted(sql, whose):
                return False
            if not segments:
                raise StorageError(
                    f"utterance {whose}: its sound is not there; restore the vault from a backup"
                )
            pieces.put(sql, whose, BLOB, index_of(segments))
        return True

    def _put(self, whose: Whose, content: bytes, blobs: Blobs) -> None:
        with self._database.write() as sql:
            was_there = _is_in(sql, whose, blobs)
            if not was_there:
                sql.execute("INSERT INTO place VALUES (?, ?, ?)", (*whose, blobs.where))
        try:
            blobs.put(name_of(whose), content)
        except NotTaken:
            if not was_there:
                with self._database.write() as sql:
                    _displace(sql, whose)
            raise

    def _postpone(self, errand: Errand, said: str, now: datetime) -> None:
        put_off = "UPDATE errand SET due = ?, said = ? WHERE device = ? AND utterance = ?"
        with self._database.write() as sql:
            sql.execute(put_off, ((now + LATER).timestamp(), said, *errand.whose))


def name_of(whose: Whose) -> str:
    """The name of a blob: always the same for an utterance, and it says nothing of whose that is."""
    return hashlib.sha256(f"overheard/v1/blob\n{whose.device}\n{whose.utterance}".encode()).hexdigest()


def packed(segments: Mapping[int, bytes]) -> bytes:
    """The segments of an utterance as one content: index and length, 4 bytes each, before each of them."""
    return b"".join(_HEAD.pack(index, len(each)) + each for index, each in sorted(segments.items()))


def unpacked(content: bytes) -> dict[int, bytes]:
    """The segments of such a content; of one that was cut short or altered, fewer or others."""
    segments, at = {}, 0
    while at + _HEAD.size <= len(content):
        index, size = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        segments[index] = content[at : at + size]
        at += size
    return segments


def index_of(segments: Mapping[int, bytes]) -> bytes:
    """What stays in the vault of what is stowed: the index and SHA-256 of each segment message."""
    return b"".join(_INDEX.pack(at, hashlib.sha256(each).digest()) for at, each in sorted(segments.items()))


def lists(index: bytes, message: bytes) -> bool:
    """Whether this is one of the segment messages, without a look into the blob."""
    digest = hashlib.sha256(message).digest()
    return any(digest == each for _, each in _INDEX.iter_unpack(index))


def _errand(sql: sqlite3.Connection, whose: Whose) -> Errand | None:
    query = "SELECT device, utterance, remove, said FROM errand WHERE device = ? AND utterance = ?"
    row = sql.execute(query, whose).fetchone()
    return _made(*row) if row else None


def _made(device: str, utterance: str, remove: int, said: str) -> Errand:
    return Errand(Whose(device, utterance), bool(remove), said)


def _wanted(sql: sqlite3.Connection, whose: Whose) -> bool:
    """Whether it is still to be brought."""
    errand = _errand(sql, whose)
    return errand is not None and not errand.remove


def _done(sql: sqlite3.Connection, whose: Whose) -> None:
    sql.execute("DELETE FROM errand WHERE device = ? AND utterance = ?", whose)


def _store_of(sql: sqlite3.Connection, whose: Whose) -> str | None:
    row = sql.execute("SELECT store FROM place WHERE device = ? AND utterance = ?", whose).fetchone()
    return row[0] if row else None


def _is_in(sql: sqlite3.Connection, whose: Whose, blobs: Blobs) -> bool:
    """Whether its blob may be there; False: it is nowhere. Raises StorageError: it may be elsewhere."""
    store = _store_of(sql, whose)
    if store not in (None, blobs.where):
        raise StorageError(f"utterance {whose}: its sound may be in {store}; write that in [storage] blobs")
    return store is not None


def _displace(sql: sqlite3.Connection, whose: Whose) -> None:
    sql.execute("DELETE FROM place WHERE device = ? AND utterance = ?", whose)


def _place_the_rest(sql: sqlite3.Connection, where: str) -> None:
    """What was brought before it was written down where."""
    known = (
        "SELECT device, utterance, ? FROM piece WHERE name = ? UNION SELECT device, utterance, ? FROM errand"
    )
    sql.execute(f"INSERT INTO place {known}", (where, BLOB, where))


def _bring_the_rest(sql: sqlite3.Connection) -> None:
    """What was complete before there were blobs."""
    note = "INSERT OR IGNORE INTO errand (device, utterance, remove, due) SELECT device, id, 0, completed"
    note += " FROM utterance u WHERE state = 'complete' AND save AND NOT EXISTS"
    note += " (SELECT 1 FROM piece p WHERE p.device = u.device AND p.utterance = u.id AND p.name = ?)"
    sql.execute(note, (BLOB,))


def _is_table(sql: sqlite3.Connection, name: str) -> bool:
    return sql.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def _refuse_what_is_elsewhere(sql: sqlite3.Connection, where: str) -> None:
    if _is_table(sql, "place"):
        row = sql.execute("SELECT store FROM place WHERE store != ? LIMIT 1", (where,)).fetchone()
    else:
        row = sql.execute("SELECT 'blobs' FROM piece WHERE name = ? LIMIT 1", (BLOB,)).fetchone()
    if row:
        raise ConfigError(f"[storage] blobs: sound is, or may be, in {row[0]}; write what it was before")
