"""The one way from the vault to plaintext. It never opens before it has written down for whom, and why."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag

from cloud_stub import access, pieces
from cloud_stub.database import Database
from cloud_stub.errors import NotKept, OutOfReach, StorageError
from cloud_stub.pieces import BEGIN, BLOB, DATA_KEY, NOTES, PREPARED, WORDS
from cloud_stub.shelf import Shelf
from cloud_stub.stow import Stow
from cloud_stub.whose import Whose
from cloud_stub.wrapping import NOTES_DOMAIN, PREPARED_DOMAIN, VaultKey, open_words
from device.envelope import Begin, EnvelopeError, Gap, Header, Opener, Segment
from device.envelope.gaps import of_whole


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was heard, what was meant by it, what was answered."""

    heard: str
    intent: str
    answer: str


class Recording(NamedTuple):
    """A recording in the clear. pcm: s16le mono 16 kHz, silent in its gaps: where the microphone lost samples
    and, in a truncated one, where segments never came.

    heard, intent, answer: None until there was an answer.
    """

    header: Header
    pcm: bytes
    heard: str | None
    intent: str | None
    answer: str | None
    gaps: tuple[Gap, ...]


class Said(NamedTuple):
    """What is written of a recording. words: None until there was an answer. notes: of people, by name."""

    words: Words | None
    notes: dict[str, str]


class _Kept(NamedTuple):
    begin: bytes
    segments: dict[int, bytes]
    words: bytes | None


class Door:
    """Opens recordings, one at a time, for a named person or machine with a reason."""

    def __init__(self, database: Database, shelf: Shelf, key: VaultKey, stow: Stow) -> None:
        self._database = database
        self._stow = stow
        self._shelf = shelf
        self._key = key

    def open(self, whose: Whose, who: str, why: str, now: datetime) -> Recording:
        """Write down who opens it and why, durably; then open it.

        Raises:
            ValueError: nobody, or no reason, is named.
            NotKept: there is no such utterance, or it was forgotten.
            StorageError: the row cannot be written (then nothing is opened), or what is kept was altered.
            OutOfReach: its sound is not to be had now. Nothing is written down, for nothing was opened.
        """
        fetched = self._fetched(whose)
        with self._passed("open", whose, (who, why, now)) as (sql, data_key):
            begin = self._shelf.get(sql, whose, BEGIN)
            assert begin is not None  # noqa: S101 (for the type checker: it stands beside its key)
            segments = fetched or self._shelf.segments(sql, whose)
            kept = _Kept(begin, segments, self._shelf.get(sql, whose, WORDS))
        if not segments:  # stowed since we looked
            kept = kept._replace(segments=self._fetched(whose) or {})
        with _whole(whose):
            return self._opened(kept, data_key)

    def read(self, whose: Whose, who: str, why: str, now: datetime) -> Said:
        """What was heard, answered and noted, without the sound. Raises as `open` does."""
        with self._passed("read", whose, (who, why, now)) as (sql, data_key):
            words, notes = self._shelf.get(sql, whose, WORDS), self._shelf.get(sql, whose, NOTES)
        with _whole(whose):
            heard = msgspec.json.decode(open_words(data_key, words), type=Words) if words else None
            return Said(heard, opened_notes(data_key, notes))

    def open_prepared(self, whose: Whose, who: str, why: str, now: datetime) -> bytes:
        """What was prepared for people to hear, instead of the sound itself. Raises as `open` does, and
        NotKept when nothing was prepared.
        """
        with self._passed("open", whose, (who, why, now)) as (sql, data_key):
            prepared = self._shelf.get(sql, whose, PREPARED)
            if prepared is None:
                raise not_kept(whose)
        with _whole(whose):
            return open_words(data_key, prepared, PREPARED_DOMAIN)

    def _fetched(self, whose: Whose) -> dict[int, bytes] | None:
        """The segments if they are stowed. Nobody waits with the vault locked for what is elsewhere."""
        with self._database.read() as sql:
            stowed = pieces.get(sql, whose, BLOB)
        return self.fetch(whose, stowed) if stowed else None

    def fetch(self, whose: Whose, stowed: bytes) -> dict[int, bytes]:
        """The segment messages from their blob. stowed: what it holds.

        Raises:
            NotKept: it was forgotten meanwhile.
            OutOfReach: the blob is altered, or its store cannot be reached.
        """
        try:
            return self._stow.fetch(whose, stowed)
        except OutOfReach:
            with self._database.read() as sql:
                if not pieces.has(sql, whose, DATA_KEY):
                    raise not_kept(whose) from None
            raise

    @contextmanager
    def _passed(
        self, did: access.Did, whose: Whose, by: tuple[str, str, datetime]
    ) -> Iterator[tuple[sqlite3.Connection, bytes]]:
        """The row, in a transaction in which ciphertext is read: it is durable before anything is opened."""
        who, why, _ = by
        if not who.strip() or not why.strip():
            raise ValueError(f"door to {whose}: nobody or no reason named; say who opens it and why")
        with self._database.write() as sql:
            wrapped = self._shelf.get(sql, whose, DATA_KEY)
            if wrapped is None or self._shelf.get(sql, whose, BEGIN) is None:
                raise not_kept(whose)
            access.append(sql, did, whose, by)
            yield sql, self._key.unwrap(wrapped)

    def _opened(self, kept: _Kept, data_key: bytes) -> Recording:
        begin = Begin.parse(kept.begin)
        opener = Opener(begin, data_key)
        pcm, gaps = _joined(begin.header.segment_samples, map(opener.segment, kept.segments.values()))
        if kept.words is None:
            return Recording(begin.header, pcm, None, None, None, gaps)
        words = msgspec.json.decode(open_words(data_key, kept.words), type=Words)
        return Recording(begin.header, pcm, words.heard, words.intent, words.answer, gaps)


@contextmanager
def _whole(whose: Whose) -> Iterator[None]:
    try:
        yield
    except (EnvelopeError, InvalidTag, msgspec.MsgspecError) as error:
        raise altered(whose) from error


def opened_notes(data_key: bytes, sealed: bytes | None) -> dict[str, str]:
    """The notes of people by name; none if there is no such piece. Raises InvalidTag when it was altered."""
    if sealed is None:
        return {}
    return msgspec.json.decode(open_words(data_key, sealed, NOTES_DOMAIN), type=dict[str, str])


def _joined(segment_samples: int, segments: Iterable[Segment]) -> tuple[bytes, tuple[Gap, ...]]:
    """Segments by index, with silence for those that never came; and what is silent for want of sound."""
    parts: list[tuple[bytes, tuple[Gap, ...]]] = []
    expected = 0
    for segment in segments:
        absent = (segment.index - expected) * segment_samples
        parts += [(bytes(2 * absent), (Gap(0, absent),))] if absent else []
        parts.append((segment.pcm, segment.gaps))
        expected = segment.index + 1
    return b"".join(pcm for pcm, _ in parts), of_whole((len(pcm) // 2, gaps) for pcm, gaps in parts)


def not_kept(whose: Whose) -> NotKept:
    """What to raise for an utterance that is not there."""
    return NotKept(f"utterance {whose}: not kept; choose one that is listed")


def altered(whose: Whose) -> StorageError:
    """What to raise when a kept message or its words do not open any more."""
    return StorageError(f"utterance {whose}: altered; restore the vault from a backup")
