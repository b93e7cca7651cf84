"""The one way from the vault to plaintext. It never opens before it has written down for whom, and why."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag

from cloud_stub import access, pieces
from cloud_stub.database import Database
from cloud_stub.errors import NotKept, StorageError
from cloud_stub.pieces import BEGIN, DATA_KEY, WORDS
from cloud_stub.whose import Whose
from cloud_stub.wrapping import VaultKey, open_words
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


class _Kept(NamedTuple):
    begin: bytes
    segments: dict[int, bytes]
    words: bytes | None


class Door:
    """Opens recordings, one at a time, for a named person or machine with a reason."""

    def __init__(self, database: Database, key: VaultKey) -> None:
        self._database = database
        self._key = key

    def open(self, whose: Whose, who: str, why: str, now: datetime) -> Recording:
        """Write down who opens it and why, durably; then open it.

        Raises:
            ValueError: nobody, or no reason, is named.
            NotKept: there is no such utterance, or it was forgotten.
            StorageError: the row cannot be written (then nothing is opened), or what is kept was altered.
        """
        if not who.strip() or not why.strip():
            raise ValueError(f"door to {whose}: nobody or no reason named; say who opens it and why")
        with self._database.write() as sql:
            wrapped = pieces.get(sql, whose, DATA_KEY)
            begin = pieces.get(sql, whose, BEGIN)
            if wrapped is None or begin is None:
                raise not_kept(whose)
            access.append(sql, "open", whose, (who, why, now))
            kept = _Kept(begin, pieces.segments(sql, whose), pieces.get(sql, whose, WORDS))
        try:
            return self._opened(kept, self._key.unwrap(wrapped))
        except (EnvelopeError, InvalidTag, msgspec.MsgspecError) as error:
            raise altered(whose) from error

    def _opened(self, kept: _Kept, data_key: bytes) -> Recording:
        begin = Begin.parse(kept.begin)
        opener = Opener(begin, data_key)
        pcm, gaps = _joined(begin.header.segment_samples, map(opener.segment, kept.segments.values()))
        if kept.words is None:
            return Recording(begin.header, pcm, None, None, None, gaps)
        words = msgspec.json.decode(open_words(data_key, kept.words), type=Words)
        return Recording(begin.header, pcm, words.heard, words.intent, words.answer, gaps)


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
