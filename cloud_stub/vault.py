"""The cloud's store: ciphertext, wrapped keys, one audited door. No sound, word or key in the clear, ever.

One SQLite file. An utterance is `arriving`, `complete` or `truncated`, and `forgotten` once it is shredded:
then a tombstone stays (that it was, whose, when) and nothing that could open it or be opened.
"""

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from cloud_stub import access, held, pieces, stow
from cloud_stub.access import Access
from cloud_stub.blobs import Blobs, open_blobs
from cloud_stub.config import StorageSection
from cloud_stub.database import Database
from cloud_stub.door import Door, Recording, Said, Words, altered, not_kept, opened_notes
from cloud_stub.errors import NotKept
from cloud_stub.held import NOBODY_SPOKE, Held, State, is_cover, may_stay
from cloud_stub.pieces import BEGIN, BLOB, DATA_KEY, END, NOTES, PREPARED, WORDS, Put
from cloud_stub.private_files import private_directory
from cloud_stub.shelf import open_shelf
from cloud_stub.stow import Errand, Stow
from cloud_stub.whose import Whose
from cloud_stub.wrapping import NONCE_BYTES, NOTES_DOMAIN, PREPARED_DOMAIN, VaultKey, seal_words
from device.envelope import Begin, EnvelopeError, Opener
from device.ledger import Checkpoint


class Vault:
    """The store in `directory` (0700): vault.sqlite, and vault.key (0600), without which nothing in it opens.

    database: where ciphertext stands, as in [storage] database; "" for vault.sqlite too.
    blobs: where the sound of recordings stands; None: there, too.

    Every method raises StorageError when the file is damaged or the disk is full; what was kept stays.

    Raises:
        KeyFileError: vault.key is damaged, or readable by others.
        StorageError: vault.sqlite is damaged or cannot be written; it is left as it is.
        ConfigError: the sound of recordings stands in blobs, and there are none.
    """

    def __init__(self, directory: Path, database: str = "", blobs: Blobs | None = None) -> None:
        private_directory(directory)
        self._key = VaultKey(directory / "vault.key")
        self._database = Database(directory / "vault.sqlite", pieces.SCHEMA + access.SCHEMA, pieces.VERSION)
        with ExitStack() as if_it_fails:
            if_it_fails.callback(self._database.close)
            self._shelf = open_shelf(database)
            if_it_fails.callback(self._shelf.close)
            self._database.before_commit = self._shelf.commit
            self._database.undone = self._database.after_read = self._shelf.undo
            self._stow = Stow(self._database, self._shelf, blobs)
            if_it_fails.pop_all()
        self._door = Door(self._database, self._shelf, self._key, self._stow)
        self._forgot = False

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        self._database.close()
        self._shelf.close()

    @contextmanager
    def at_once(self, expected: Collection[Whose] = ()) -> Iterator[None]:
        """Everything that is done in this block is durable, or undone, at once: one sync for many messages.

        expected: the utterances that it will be about.
        """
        with self._database.write():
            self._shelf.expect(expected)
            yield
        if self._forgot:
            self._forgot = False
            self._database.shred_log()

    # What arrives

    def put_begin(self, begin: Begin, message: bytes, data_key: bytes, now: datetime) -> None:
        """Keep the begin message as received, and its data key wrapped. The utterance must be new."""
        header, at = begin.header, now.timestamp()
        whose = Whose(header.device, header.utterance)
        with self._database.write() as sql:
            sql.execute(
                "INSERT INTO utterance (device, id, state, begun, news, ledger_index, save)"
                " VALUES (?, ?, 'arriving', ?, ?, ?, ?)",
                (*whose, at, at, NOBODY_SPOKE if is_cover(header) else header.ledger_index, may_stay(header)),
            )
            self._shelf.put(sql, whose, BEGIN, message)
            self._shelf.put(sql, whose, DATA_KEY, self._key.wrap(data_key))

    def put_segment(self, whose: Whose, index: int, message: bytes, now: datetime) -> Put:
        """Keep a segment message. "same" and "other": there was one of that index, and it stays."""
        return self._put(whose, index, message, now)

    def put_end(self, whose: Whose, message: bytes, now: datetime) -> Put:
        """Keep the end message. "same" and "other": there was one, and it stays."""
        return self._put(whose, END, message, now)

    def complete(self, whose: Whose, now: datetime) -> None:
        """Every message is here and verified: durable when this returns. Raises NotKept."""
        done = "UPDATE utterance SET state = 'complete', completed = ? WHERE device = ? AND id = ?"
        with self._database.write() as sql:
            if _state(sql, whose) == "forgotten":
                raise not_kept(whose)
            sql.execute(done, (now.timestamp(), *whose))
            self._stow.completed(sql, whose, now)

    def mark_truncated(self, before: datetime) -> list[Held]:
        """Mark what is arriving and had no news since `before`; it may still complete."""
        with self._database.write() as sql:
            found = held.select(sql, "WHERE state = 'arriving' AND news < ?", (before.timestamp(),))
            mark = "UPDATE utterance SET state = 'truncated' WHERE device = ? AND id = ?"
            sql.executemany(mark, [each.whose for each in found])
        return [each._replace(state="truncated") for each in found]

    def unsaved_truncated(self, before: datetime) -> list[Whose]:
        """The truncated utterances that are not to be saved and had no news since `before`."""
        query = "SELECT device, id FROM utterance WHERE state = 'truncated' AND save = 0 AND news < ?"
        with self._database.read() as sql:
            return [Whose(*row) for row in sql.execute(query, (before.timestamp(),))]

    # What ingest asks: ciphertext, and the means to check more of it

    def messages(self, whose: Whose) -> tuple[bytes, dict[int, bytes], bytes | None]:
        """Begin, segments by index, and end (if it came), as received. Raises NotKept."""
        with self._database.read() as sql:
            begin, end = self._shelf.get(sql, whose, BEGIN), self._shelf.get(sql, whose, END)
            if begin is None:
                raise not_kept(whose)
            stowed = pieces.get(sql, whose, BLOB)
            segments = {} if stowed else self._shelf.segments(sql, whose)
        return begin, self._door.fetch(whose, stowed) if stowed else segments, end

    def end(self, whose: Whose) -> bytes | None:
        """Its end as received, if it came."""
        with self._database.read() as sql:
            return self._shelf.get(sql, whose, END)

    def has_message(self, whose: Whose, kind: str, message: bytes) -> bool:
        """Whether this very begin, segment or end is among what came. Raises NotKept."""
        with self._database.read() as sql:
            if not self._shelf.has(sql, whose, BEGIN):
                raise not_kept(whose)
            if kind != "segment":
                return message == self._shelf.get(sql, whose, BEGIN if kind == "begin" else END)
            stowed = pieces.get(sql, whose, BLOB)
            if stowed:
                return stow.lists(stowed, message)
            return message in self._shelf.segments(sql, whose).values()

    def has_end(self, whose: Whose) -> bool:
        """Whether its end came."""
        with self._database.read() as sql:
            return self._shelf.has(sql, whose, END)

    def count_segments(self, whose: Whose) -> int:
        """How many of its segments are here."""
        with self._database.read() as sql:
            return self._shelf.count_segments(sql, whose)

    def opener(self, whose: Whose) -> tuple[Begin, Opener]:
        """For ingest alone, which checks what arrives and drops the sound.

        Raises NotKept, also for what is complete: that opens at the door alone.
        """
        if self.state(whose) in (None, "complete"):
            raise NotKept(f"utterance {whose}: not arriving; open it at the door")
        try:
            begin = Begin.parse(self.messages(whose)[0])
            return begin, Opener(begin, self._data_key(whose))
        except EnvelopeError as error:
            raise altered(whose) from error

    # What may be known

    def state(self, whose: Whose) -> State | None:
        """The state of an utterance; None when it never came."""
        with self._database.read() as sql:
            return _find_state(sql, whose)

    def find(self, whose: Whose) -> Held | None:
        """What is known of an utterance; None when it never came."""
        with self._database.read() as sql:
            return next(iter(held.select(sql, "WHERE u.device = ? AND id = ?", whose)), None)

    def utterances(self, device: str | None = None) -> list[Held]:
        """All utterances, or those of one device, the oldest first, tombstones included."""
        with self._database.read() as sql:
            which = "WHERE ?1 IS NULL OR u.device = ?1 ORDER BY begun, u.device, id"
            return held.select(sql, which, (device,))

    def completed_since(self, since: datetime) -> list[Held]:
        """What became complete since then."""
        with self._database.read() as sql:
            return held.select(sql, "WHERE state = 'complete' AND completed >= ?", (since.timestamp(),))

    def devices(self) -> list[str]:
        """Every device of which something is kept."""
        query = "SELECT DISTINCT device FROM utterance WHERE state != 'forgotten' ORDER BY device"
        with self._database.read() as sql:
            return [device for (device,) in sql.execute(query)]

    def kept_before(self, device: str, before: datetime, quiet: datetime) -> list[Whose]:
        """What is kept of a device and began before then, the oldest first: recordings, and what was cut
        short and had no news since `quiet`.
        """
        query = "SELECT device, id FROM utterance WHERE device = ? AND begun < ? AND"
        query += " (state = 'complete' OR state = 'truncated' AND news < ?) ORDER BY begun"
        with self._database.read() as sql:
            rows = sql.execute(query, (device, before.timestamp(), quiet.timestamp()))
            return [Whose(*row) for row in rows]

    def count_arriving(self, device: str) -> int:
        """How many utterances of a device are arriving."""
        query = "SELECT count(*) FROM utterance WHERE device = ? AND state = 'arriving'"
        with self._database.read() as sql:
            return int(sql.execute(query, (device,)).fetchone()[0])

    # Answers, the door, and the shredder

    def put_words(self, whose: Whose, words: Words, nonce: bytes | None = None) -> None:
        """Keep what was heard, meant and answered, under a key derived from the recording's.

        nonce: 12 random bytes; None draws them. Raises NotKept.
        """
        plain = msgspec.json.encode(words)
        with self._database.write() as sql:  # the key too is read in here: nobody forgets it in between
            sealed = seal_words(self._data_key(whose), plain, nonce or os.urandom(NONCE_BYTES))
            self._shelf.replace(sql, whose, WORDS, sealed)

    def add_note(self, whose: Whose, name: str, text: str) -> None:
        """Keep what a person said of it, in place of the note of that name; it goes when the recording goes.

        Raises NotKept.
        """
        with self._database.write() as sql:
            data_key = self._data_key(whose)
            notes = opened_notes(data_key, self._shelf.get(sql, whose, NOTES)) | {name: text}
            sealed = seal_words(data_key, msgspec.json.encode(notes), os.urandom(NONCE_BYTES), NOTES_DOMAIN)
            self._shelf.replace(sql, whose, NOTES, sealed)

    def put_prepared(self, whose: Whose, content: bytes) -> None:
        """Keep what people may hear of it, sealed; it goes when the recording goes. Raises NotKept."""
        with self._database.write() as sql:
            key = self._data_key(whose)
            sealed = seal_words(key, content, os.urandom(NONCE_BYTES), PREPARED_DOMAIN)
            self._shelf.replace(sql, whose, PREPARED, sealed)

    def mark_answered(self, whose: Whose) -> None:
        """The answer is on its way, or will never be: give no other."""
        with self._database.write() as sql:
            sql.execute("UPDATE utterance SET answered = 1 WHERE device = ? AND id = ?", whose)

    def open(self, whose: Whose, who: str, why: str, now: datetime) -> Recording:
        """The door: written down durably, then opened. See `door.Door.open` for what it raises."""
        return self._door.open(whose, who, why, now)

    def read(self, whose: Whose, who: str, why: str, now: datetime) -> Said:
        """The door for words alone. See `door.Door.read`."""
        return self._door.read(whose, who, why, now)

    def open_prepared(self, whose: Whose, who: str, why: str, now: datetime) -> bytes:
        """The door for what people may hear of it. See `door.Door.open_prepared`."""
        return self._door.open_prepared(whose, who, why, now)

    def identify(self, whose: Whose, who: str, why: str, now: datetime) -> str:
        """Write down that somebody learns of which device it is, and why; then say it. Raises NotKept."""
        with self._database.write() as sql:
            if _state(sql, whose) == "forgotten":
                raise not_kept(whose)
            access.append(sql, "identify", whose, (who, why, now))
        return whose.device

    def forget(self, whose: Whose, who: str, why: str, now: datetime) -> None:
        """Destroy the key and every byte of sound and words, in the file and in its log. Twice is harmless.

        Raises:
            NotKept: there never was such an utterance.
            StorageError: another program reads the file, so that its log still holds what was deleted.
        """
        with self._database.write() as sql:
            if _state(sql, whose) != "forgotten":
                access.append(sql, "forget", whose, (who, why, now))
            self._stow.forgotten(sql, whose, now)
            self._shelf.drop(sql, whose)
            sql.execute("UPDATE utterance SET state = 'forgotten' WHERE device = ? AND id = ?", whose)
            self._forgot = True
        self._database.shred_log()

    def stow(self, now: datetime) -> int:
        """Bring sound to its blobs and take away what was forgotten, where due; return how much was done.

        Never in a transaction, and in one process. What fails is tried again later: see `errands`.
        """
        return self._stow.run(now)

    def errands(self) -> list[Errand]:
        """What `stow` has not done yet. What is to be removed has lost its key already."""
        return self._stow.errands()

    def left_behind(self) -> list[Whose]:
        """What was forgotten and still has a piece where ciphertext stands: there should be none."""
        with self._database.read() as sql:
            there = self._shelf.holds(sql)
            gone = sql.execute("SELECT device, id FROM utterance WHERE state = 'forgotten'").fetchall()
        return sorted(there.intersection(Whose(*row) for row in gone))

    def accesses(self, device: str | None = None) -> list[Access]:
        """Who opened or deleted what, why and when: all, or those of one device."""
        with self._database.read() as sql:
            return access.rows(sql, device)

    def proved_accesses(self, device: str) -> list[access.Proved]:
        """The rows of one device, each with its proof of inclusion."""
        with self._database.read() as sql:
            return access.proved(sql, device)

    def access_head(self) -> Checkpoint:
        """The Merkle head of the access ledger, to be signed."""
        with self._database.read() as sql:
            return access.head(sql)

    def _put(self, whose: Whose, name: int, message: bytes, now: datetime) -> Put:
        news = "UPDATE utterance SET news = ?, state = 'arriving' WHERE device = ? AND id = ?"
        with self._database.write() as sql:
            state = _state(sql, whose)
            if state == "forgotten":
                return "same"
            if name >= 0 and (stowed := pieces.get(sql, whose, BLOB)):
                return "same" if stow.lists(stowed, message) else "other"
            put = self._shelf.put(sql, whose, name, message)
            if put == "new" and state != "complete":
                sql.execute(news, (now.timestamp(), *whose))
        return put

    def _data_key(self, whose: Whose) -> bytes:
        with self._database.read() as sql:
            wrapped = self._shelf.get(sql, whose, DATA_KEY)
        if wrapped is None:
            raise not_kept(whose)
        return self._key.unwrap(wrapped)


def open_vault(storage: StorageSection) -> Vault:
    """The vault as the settings want it. Raises as Vault, `open_shelf` and `open_blobs` do."""
    return Vault(storage.vault, storage.database, open_blobs(storage))


def _find_state(sql: sqlite3.Connection, whose: Whose) -> State | None:
    row = sql.execute("SELECT state FROM utterance WHERE device = ? AND id = ?", whose).fetchone()
    return row[0] if row else None


def _state(sql: sqlite3.Connection, whose: Whose) -> State:
    state = _find_state(sql, whose)
    if state is None:
        raise not_kept(whose)
    return state
