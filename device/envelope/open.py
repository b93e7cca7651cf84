"""Opening what a device sealed, in any order. Never returns a byte that was not verified first.

Pure: no I/O, clock or randomness. Every refusal is an EnvelopeError, whatever the bytes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.constant_time import bytes_eq

from device.envelope import gaps
from device.envelope.errors import EnvelopeError
from device.envelope.gaps import Gap
from device.envelope.header import Header
from device.envelope.keys import ReaderKey, open_once
from device.envelope.layout import (
    BEGIN_DOMAIN,
    END_DOMAIN,
    HASH_BYTES,
    MAGIC,
    PCM_AT,
    SIGNATURE_BYTES,
    WRAP_DOMAIN,
    Cursor,
    EndRecord,
    SegmentKeys,
    from_json,
    header_hash,
    plain_bytes,
    segment_bytes,
)


class Segment(NamedTuple):
    """An opened segment. pcm: the valid samples only, s16le, zero in its gaps."""

    index: int  # type: ignore[assignment]  # tuple.index is not missed
    last: bool
    pcm: bytes
    gaps: tuple[Gap, ...] = ()


class End(NamedTuple):
    """A verified end record. checkpoint: the device's ledger at that moment, itself still to be verified."""

    reason: str
    segments: int
    checkpoint: str


class Utterance(NamedTuple):
    """A whole utterance, opened and complete. pcm: s16le mono 16 kHz; `gaps`, where the microphone lost
    samples, are zero in it, so that sample n is the device's sample `first_sample` + n.
    """

    header: Header
    pcm: bytes
    end: End
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class Begin:
    """A begin message that its device signed. Needs no secret: anyone may parse one."""

    header: Header
    header_bytes: bytes
    header_hash: bytes
    wraps: tuple[bytes, ...]
    commitment: bytes
    signer: Ed25519PublicKey

    @classmethod
    def parse(cls, payload: bytes) -> "Begin":
        """Checks structure, header, that the device id certifies its keys, signature: in this order."""
        cursor = Cursor(payload, "begin")
        if cursor.take(len(MAGIC)) != MAGIC:
            raise EnvelopeError("begin: not an envelope of version 1; drop the message")
        header_bytes = cursor.json()
        header = Header.from_bytes(header_bytes)
        wraps = _wraps(cursor, header)
        commitment = cursor.take(HASH_BYTES)
        signature = cursor.rest()
        signer = header.identity().signer
        digest = header_hash(payload[: -HASH_BYTES - SIGNATURE_BYTES])
        _verify(signer, signature, BEGIN_DOMAIN + digest + commitment, "begin")
        return cls(header, header_bytes, digest, wraps, commitment, signer)

    def data_key(self, key: ReaderKey) -> bytes:
        """The data key, as wrapped for this reader; the Opener still checks it against the commitment."""
        named = (key.public.id, key.suite)
        for reader, wrapped in zip(self.header.readers, self.wraps, strict=True):
            if (reader.id, reader.suite) == named:
                return open_once(wrapped, key, WRAP_DOMAIN + hashlib.sha256(self.header_bytes).digest())
        raise EnvelopeError(f"begin: not sealed for reader {key.public.id}; use a key that the header names")

    def end(self, payload: bytes, segments: Sequence[bytes]) -> End:
        """Verify the end record against every segment message, in order. Needs no key: an auditor can."""
        cursor = Cursor(payload, "end")
        record_bytes = cursor.json()
        record = from_json(record_bytes, EndRecord, "end")
        _verify(self.signer, cursor.rest(), END_DOMAIN + record_bytes, "end")
        if (record.utterance, record.header_hash) != (self.header.utterance, self.header_hash.hex()):
            raise EnvelopeError("end: of another utterance; drop the message")
        if record.segments != len(segments) or record.sha256 != _digest(segments):
            raise EnvelopeError("end: not these segments; ask for the missing ones")
        final = len(segments) - 1
        for index, message in enumerate(segments):
            if message[:4] != (index * 2 + (index == final)).to_bytes(4, "big"):
                raise EnvelopeError("end: segments missing or out of order; ask for the missing ones")
        return End(record.reason, record.segments, record.checkpoint)


class Opener:
    """Opens the segments of one utterance; EnvelopeError unless its begin commits to this data key."""

    def __init__(self, begin: Begin, data_key: bytes) -> None:
        keys = SegmentKeys.derive(data_key, begin.header_hash)
        if not bytes_eq(keys.commitment, begin.commitment):
            raise EnvelopeError("begin: the data key is not the one committed to; drop the utterance")
        self._begin = begin
        self._keys = keys
        self._cipher = ChaCha20Poly1305(keys.key)

    def segment(self, payload: bytes) -> Segment:
        """Open one segment message; in any order, as often as it arrives."""
        plain = bytearray(plain_bytes(self._begin.header.segment_samples))
        counter, stop, missing = self.open_into(plain, payload)
        return Segment(counter // 2, bool(counter % 2), bytes(plain[PCM_AT:stop]), missing)

    def open_into(self, plain: bytearray, payload: bytes) -> tuple[int, int, tuple[Gap, ...]]:
        """Open one segment message into `plain`, of `layout.plain_bytes`, which its owner wipes.

        Return index * 2 + last, where the PCM stops that begins at `layout.PCM_AT`, and its gaps.
        """
        if len(payload) != segment_bytes(self._begin.header.segment_samples):
            raise EnvelopeError("segment: wrong length; drop the message")
        counter = int.from_bytes(payload[:4], "big")
        try:
            self._cipher.decrypt_into(self._keys.nonce(counter), payload[4:], None, plain)
        except InvalidTag as error:
            raise EnvelopeError("segment: does not open; drop the message") from error
        stop = PCM_AT + 2 * int.from_bytes(plain[:2], "big")
        if stop > len(plain) or any(plain[stop:]):
            raise EnvelopeError("segment: does not open; drop the message")
        with memoryview(plain) as view, view[PCM_AT:stop] as pcm:
            return counter, stop, gaps.unpack(plain[2:PCM_AT], pcm)

    def end(self, payload: bytes, segment_payloads_in_order: Sequence[bytes]) -> End:
        """`Begin.end`, for whoever holds the Opener."""
        return self._begin.end(payload, segment_payloads_in_order)


def open_utterance(begin: bytes, segments: Iterable[bytes], end: bytes, key: ReaderKey) -> Utterance:
    """A whole utterance from its messages: segments in any order, identical duplicates welcome.

    Two different messages with one index, a missing one, or one too many: EnvelopeError.
    """
    parsed = Begin.parse(begin)
    opener = Opener(parsed, parsed.data_key(key))
    in_order = sorted(set(segments))  # they open with be32(index * 2 + last), so bytes sort by index
    verified = parsed.end(end, in_order)
    opened = [opener.segment(each) for each in in_order]
    missing = gaps.of_whole((len(each.pcm) // 2, each.gaps) for each in opened)
    return Utterance(parsed.header, b"".join(each.pcm for each in opened), verified, missing)


def _wraps(cursor: Cursor, header: Header) -> tuple[bytes, ...]:
    expected = header.wrap_bytes()
    if cursor.number(2) == len(expected):
        wraps = tuple(cursor.take(cursor.number(2)) for _ in expected)
        if [len(wrap) for wrap in wraps] == expected:
            return wraps
    raise EnvelopeError("begin: the wraps do not fit the readers; drop the message")


def _digest(segments: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for message in segments:
        digest.update(message)
    return digest.hexdigest()


def _verify(signer: Ed25519PublicKey, signature: bytes, signed: bytes, where: str) -> None:
    try:
        signer.verify(signature, signed)
    except InvalidSignature as error:
        raise EnvelopeError(f"{where}: bad signature; drop the message") from error
