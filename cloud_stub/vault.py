"""The cloud's store: ciphertext, wrapped keys, one audited door. No sound, word or key in the clear, ever.

One SQLite file. An utterance is `arriving`, `complete` or `truncated`, and `forgotten` once it is shredded:
then a tombstone stays (that it was, whose, when) and nothing that could open it or be opened.
"""

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from cloud_stub import access, pieces
from cloud_stub.access import Access
from cloud_stub.database import Database
from cloud_stub.door import Door, Recording, Words, altered, not_kept
from cloud_stub.errors import NotKept
from cloud_stub.pieces import BEGIN, DATA_KEY, END, WORDS, Put
from cloud_stub.private_files import private_directory
from cloud_stub.wrapping import NONCE_BYTES, VaultKey, seal_words
from device.envelope import Begin, EnvelopeError, Header, Opener
from device.envelope.layout import MAGIC, Cursor
from device.ledger import Checkpoint

State = Literal["arriving", "complete", "truncated", "forgotten"]

_HELD = "SELECT id, device, state, begun, completed, answered, p.content FROM utterance u"
_HELD += f" LEFT JOIN piece p ON p.utterance = u.id AND p.name = {BEGIN}"


class Held(NamedTuple):
    """What may be known of an utterance without opening it. Times are UTC; a forgotten one has no header."""

    utterance: str
    device: str
    state: State
    begun: datetime
    completed: datetime | None
    answered: bool
    header: Header | None


class Vault:
    """The store in `directory` (0700): vault.sqlite, and vault.key (0600), without which nothing in it opens.

    Every method raises StorageError when the file is damaged or the disk is full; what was kept stays.

    Raises:
        KeyFileError: vault.key is damaged, or readable by others.
        StorageError: vault.sqlite is damaged or cannot be written; it is left as it is.
    """

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._key = VaultKey(directory / "vault.key")
        self._database = Database(directory / "vault.sqlite", pieces.SCHEMA + access.SCHEMA, pieces.VERSION)
        self._door = Door(self._database, self._key)

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        self._database.close()

    # What arrives

    def put_begin(self, begin: Begin, message: bytes, data_key: bytes, now: datetime) -> None:
        """Keep the begin message as received, and its data key wrapped. The utterance must be new."""
        header, at = begin.header, now.timestamp()
        with self._database.write() as sql:
            row = (header.utterance, header.device, "arriving", at, at, header.consent.save)
            sql.execute(
                "INSERT INTO utterance (id, device, state, begun, news, save) VALUES (?, ?, ?, ?, ?, ?)", row
            )
            pieces.put(sql, header.utterance, BEGIN, message)
            pieces.put(sql, header.utterance, DATA_KEY, self._key.wrap(data_key))

    def put_segment(self, utterance: str, index: int, message: bytes, now: datetime) -> Put:
        """Keep a segment message. "same" and "other": there was one of that index, and it stays."""
        return self._put(utterance, index, message, now)

    def put_end(self, utterance: str, message: bytes, now: datetime) -> Put:
        """Keep the end message. "same" and "other": there was one, and it stays."""
        return self._put(utterance, END, message, now)

    def complete(self, utterance: str, now: datetime) -> None:
        """Every message is here and verified: durable when this returns. Raises NotKept."""
        done = "UPDATE utterance SET state = 'complete', completed = ? WHERE id = ?"
        with self._database.write() as sql:
            if _state(sql, utterance) == "forgotten":
                raise not_kept(utterance)
            sql.execute(done, (now.timestamp(), utterance))

    def mark_truncated(self, before: datetime) -> list[Held]:
        """Mark what is arriving and had no news since `before`; it may still complete."""
        with self._database.write() as sql:
            late = f"{_HELD} WHERE state = 'arriving' AND news < ?"
            found = [_held(row) for row in sql.execute(late, (before.timestamp(),))]
            mark = "UPDATE utterance SET state = 'truncated' WHERE id = ?"
            sql.executemany(mark, [(each.utterance,) for each in found])
        return [each._replace(state="truncated") for each in found]

    def unsaved_truncated(self, before: datetime) -> list[str]:
        """The truncated utterances that are not to be saved and had no news since `before`."""
        query = "SELECT id FROM utterance WHERE state = 'truncated' AND save = 0 AND news < ?"
        with self._database.read() as sql:
            return [utterance for (utterance,) in sql.execute(query, (before.timestamp(),))]

    # What ingest asks: ciphertext, and the means to check more of it

    def messages(self, utterance: str) -> tuple[bytes, dict[int, bytes], bytes | None]:
        """Begin, segments by index, and end (if it came), as received. Raises NotKept."""
        with self._database.read() as sql:
            begin = pieces.get(sql, utterance, BEGIN)
            if begin is None:
                raise not_kept(utterance)
            return begin, pieces.segments(sql, utterance), pieces.get(sql, utterance, END)

    def opener(self, utterance: str) -> tuple[Begin, Opener]:
        """For ingest alone, which checks what arrives and drops the sound.

        Raises NotKept, also for what is complete: that opens at the door alone.
        """
        if (self.whose(utterance) or ("", "complete"))[1] == "complete":
            raise NotKept(f"utterance {utterance}: not arriving; open it at the door")
        try:
            begin = Begin.parse(self.messages(utterance)[0])
            return begin, Opener(begin, self._data_key(utterance))
        except EnvelopeError as error:
            raise altered(utterance) from error

    # What may be known

    def whose(self, utterance: str) -> tuple[str, State] | None:
        """Device and state of an utterance; None when it never came."""
        with self._database.read() as sql:
            row = sql.execute("SELECT device, state FROM utterance WHERE id = ?", (utterance,)).fetchone()
        return (row[0], row[1]) if row else None

    def find(self, utterance: str) -> Held | None:
        """What is known of an utterance; None when it never came."""
        with self._database.read() as sql:
            row = sql.execute(f"{_HELD} WHERE id = ?", (utterance,)).fetchone()
        return _held(row) if row else None

    def utterances(self, device: str | None = None) -> list[Held]:
        """All utterances, or those of one device, the oldest first, tombstones included."""
        with self._database.read() as sql:
            query = f"{_HELD} WHERE ?1 IS NULL OR device = ?1 ORDER BY begun, id"
            return [_held(row) for row in sql.execute(query, (device,))]

    def count_arriving(self, device: str) -> int:
        """How many utterances of a device are arriving."""
        query = "SELECT count(*) FROM utterance WHERE device = ? AND state = 'arriving'"
        with self._database.read() as sql:
            return int(sql.execute(query, (device,)).fetchone()[0])

    # Answers, the door, and the shredder

    def put_words(self, utterance: str, words: Words, nonce: bytes | None = None) -> None:
        """Keep what was heard, meant and answered, under a key derived from the recording's.

        nonce: 12 random bytes; None draws them. Raises NotKept.
        """
        plain = msgspec.json.encode(words)
        with self._database.write() as sql:  # the key too is read in here: nobody forgets it in between
            sealed = seal_words(self._data_key(utterance), plain, nonce or os.urandom(NONCE_BYTES))
            pieces.replace(sql, utterance, WORDS, sealed)

    def mark_answered(self, utterance: str) -> None:
        """The answer is on its way, or will never be: give no other."""
        with self._database.write() as sql:
            sql.execute("UPDATE utterance SET answered = 1 WHERE id = ?", (utterance,))

    def open(self, utterance: str, who: str, why: str, now: datetime) -> Recording:
        """The door: written down durably, then opened. See `door.Door.open` for what it raises."""
        return self._door.open(utterance, who, why, now)

    def forget(self, utterance: str, who: str, why: str, now: datetime) -> None:
        """Destroy the key and every byte of sound and words, in the file and in its log. Twice is harmless.

        Raises:
            NotKept: there never was such an utterance.
            StorageError: another program reads the file, so that its log still holds what was deleted.
        """
        with self._database.write() as sql:
            if _state(sql, utterance) != "forgotten":
                access.append(sql, "forget", utterance, (who, why, now))
            pieces.drop(sql, utterance)
            sql.execute("UPDATE utterance SET state = 'forgotten' WHERE id = ?", (utterance,))
        self._database.shred_log()

    def accesses(self, device: str | None = None) -> list[Access]:
        """Who opened or deleted what, why and when: all, or those of one device."""
        with self._database.read() as sql:
            return access.rows(sql, device)

    def access_head(self) -> Checkpoint:
        """The Merkle head of the access ledger, to be signed."""
        with self._database.read() as sql:
            return access.head(sql)

    def _put(self, utterance: str, name: int, message: bytes, now: datetime) -> Put:
        news = "UPDATE utterance SET news = ?, state = 'arriving' WHERE id = ? AND state != 'complete'"
        with self._database.write() as sql:
            if _state(sql, utterance) == "forgotten":
                return "same"
            put = pieces.put(sql, utterance, name, message)
            if put == "new":
                sql.execute(news, (now.timestamp(), utterance))
        return put

    def _data_key(self, utterance: str) -> bytes:
        with self._database.read() as sql:
            wrapped = pieces.get(sql, utterance, DATA_KEY)
        if wrapped is None:
            raise not_kept(utterance)
        return self._key.unwrap(wrapped)


def _state(sql: sqlite3.Connection, utterance: str) -> str:
    row = sql.execute("SELECT state FROM utterance WHERE id = ?", (utterance,)).fetchone()
    if row is None:
        raise not_kept(utterance)
    return str(row[0])


def _held(row: tuple[str, str, State, float, float | None, int, bytes | None]) -> Held:
    utterance, device, state, begun, completed, answered, begin = row
    done = _when(completed) if completed is not None else None
    header = _header(utterance, begin) if begin else None
    return Held(utterance, device, state, _when(begun), done, bool(answered), header)


def _header(utterance: str, begin: bytes) -> Header:
    cursor = Cursor(begin, "begin")
    try:
        cursor.take(len(MAGIC))
        return Header.from_bytes(cursor.json())
    except EnvelopeError as error:
        raise altered(utterance) from error


def _when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
