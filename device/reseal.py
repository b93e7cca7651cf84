"""Sealing anew what waited too long: to the cloud's present reader key, while this firmware still runs.

The data keys of what waits are in memory alone, so that who steals the card opens nothing, and are wiped
when it is gone; after a restart there are none, and what waits stays as it is. It never opens more than one
segment at a time, and never touches an utterance of which anything has left.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.capture import Outside, name_readers
from device.envelope import Begin, EnvelopeError, Header, Opener, ReaderPublic, Sealer, topics, wrap
from device.envelope.layout import PCM_AT, plain_bytes
from device.outbox import Outbox, Sealed
from device.trust import Trust


class Held(NamedTuple):
    """What it takes to seal an utterance anew: its data key, whom it is sealed for, until when that was
    right.
    """

    data_key: bytearray
    readers: dict[str, ReaderPublic]
    not_after: datetime


class DataKeys:
    """The data keys of what is being captured or waits, by utterance, in the order they were made."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def keep(
        self, utterance: str, data_key: bytes, readers: dict[str, ReaderPublic], not_after: datetime
    ) -> None:
        """Remember a key until it is wiped; `not_after` is that of the cloud's reader key."""
        self._held[utterance] = Held(bytearray(data_key), readers, not_after)

    def wipe(self, utterance: str) -> None:
        """Overwrite a key and forget it; best effort, as Python may have copied it."""
        held = self._held.pop(utterance, None)
        if held is not None:
            held.data_key[:] = bytes(len(held.data_key))

    def find(self, utterance: str) -> Held | None:
        """Return what is remembered of an utterance."""
        return self._held.get(utterance)

    def over(self, then: datetime, present: ReaderPublic) -> list[str]:
        """Return the utterances that are not sealed to `present`, but to a key that was over by `then`."""
        held = self._held.items()
        return [name for name, of in held if of.not_after <= then and of.readers["cloud"] != present]


class Resealer:
    """Seals anew, with `signing`, what waits in `outbox` for a reader key that is over for `after_s`."""

    def __init__(
        self,
        outbox: Outbox,
        data_keys: DataKeys,
        signing: Ed25519PrivateKey,
        trust: Trust,
        outside: Outside,
        after_s: float,
    ) -> None:
        self._outbox = outbox
        self._data_keys = data_keys
        self._signing = signing
        self._trust = trust
        self._now, self._random = outside.now, outside.random_bytes
        self._after = timedelta(seconds=after_s)

    def due(self) -> list[str]:
        """Return the utterances that are to be sealed anew before anything of them leaves.

        Raises:
            DiskError: the disk can't be read now.
        """
        now = self._now()
        keys = self._trust.at(now)
        old = self._data_keys.over(now - self._after, keys.reader) if keys else []
        return [name for name in old if self._whole(name)]

    def anew(self, utterance: str) -> str:
        """Seal an utterance anew; return the name that it waits under from now on.

        That is the old one, and it waits as it was, if it is gone or damaged.

        Raises:
            DiskError: the disk refuses, and it waits as it was.
        """
        keys, held = self._trust.at(self._now()), self._data_keys.find(utterance)
        if keys is None or held is None or not self._whole(utterance):
            return utterance
        name, data_key = self._random(16).hex(), self._random(32)
        readers = held.readers | {"cloud": keys.reader}
        again = _Again(name, data_key, readers, self._signing)
        try:
            self._outbox.replace(utterance, name, lambda row, kept: again.seal(row, kept, held.data_key))
        except EnvelopeError:
            return utterance
        self._data_keys.keep(name, data_key, readers, keys.not_after)
        return name

    def _whole(self, utterance: str) -> bool:
        """Whether all of an utterance is here, and nothing of it has left."""
        kept = self._outbox.waiting(utterance)
        return bool(kept) and kept[-1].kind == "end" and not any(each.departed for each in kept)


class _Again(NamedTuple):
    """What an utterance is to be: its new id, data key and readers, and who signs it."""

    name: str
    data_key: bytes
    readers: dict[str, ReaderPublic]
    signing: Ed25519PrivateKey

    def seal(self, row: int, kept: Sequence[Sealed], data_key: bytes | bytearray) -> Iterator[Sealed]:
        """Yield the new messages for those that are kept; they open with `data_key`."""
        first, *segments, last = kept
        begin = Begin.parse(first.payload)
        opener = Opener(begin, bytes(data_key))
        end = opener.end(last.payload, [each.payload for each in segments])
        header = msgspec.structs.replace(
            begin.header, utterance=self.name, ledger_index=row, readers=name_readers(self.readers)
        )
        encoded = header.to_bytes()
        wraps = wrap(self.data_key, list(self.readers.values()), encoded)
        sealer = Sealer(encoded, self.data_key, wraps, self.signing)
        yield _instead(first, header, sealer.begin())
        plain = bytearray(plain_bytes(header.segment_samples))
        for each in segments:
            yield _instead(each, header, _seal_again(each.payload, opener, sealer, plain))
        yield _instead(last, header, sealer.end(end.reason, end.checkpoint))


def _instead(old: Sealed, header: Header, payload: bytes) -> Sealed:
    topic = topics.utterance(header.device, header.utterance, old.kind)
    return old._replace(utterance=header.utterance, topic=topic, payload=payload)


def _seal_again(payload: bytes, opener: Opener, sealer: Sealer, plain: bytearray) -> bytes:
    """One segment, opened into `plain`, sealed, wiped. Its gaps are marked in the new one, too."""
    try:
        counter, stop, gaps = opener.open_into(plain, payload)
        with memoryview(plain) as view:
            seal = sealer.last if counter % 2 else sealer.segment
            return seal(view[PCM_AT:stop], gaps)
    finally:
        plain[:] = bytes(len(plain))
