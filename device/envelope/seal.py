"""Sealing one utterance, segment by segment. Never keeps plaintext beyond a call, nor a key beyond the last.

No I/O, no clock; the data key is an argument. HPKE's own encapsulation inside `wrap` is the one randomness.
"""

import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from device.envelope.errors import EnvelopeError, SealOrderError
from device.envelope.gaps import Gap, pack
from device.envelope.header import Header
from device.envelope.keys import ReaderPublic, seal_once
from device.envelope.layout import (
    BEGIN_DOMAIN,
    END_DOMAIN,
    MAGIC,
    PCM_AT,
    REASONS,
    WRAP_DOMAIN,
    SegmentKeys,
    header_hash,
    plain_bytes,
    to_json,
)


def wrap(data_key: bytes, readers: Sequence[ReaderPublic], header_bytes: bytes) -> list[bytes]:
    """The 32-byte data key sealed for each reader, in the header's order. Random: HPKE encapsulates.

    EnvelopeError unless the readers are exactly those that the header names.
    """
    named = [reader.id for reader in Header.from_bytes(header_bytes).readers]
    if [reader.id for reader in readers] != named:
        raise EnvelopeError("wrap: not the readers that the header names; name every reader, in order")
    context = WRAP_DOMAIN + hashlib.sha256(header_bytes).digest()
    return [seal_once(data_key, reader, context) for reader in readers]


class Sealer:
    """One utterance being sealed: begin, segment..., last, end.

    Raises EnvelopeError for a header, key or wrap that no reader would accept, SealOrderError for a call out
    of order. A data key must be 32 fresh random bytes and must never seal two utterances.
    """

    def __init__(
        self, header_bytes: bytes, data_key: bytes, wraps: Sequence[bytes], signing_key: Ed25519PrivateKey
    ) -> None:
        self._header = Header.from_bytes(header_bytes)
        if signing_key.public_key() != self._header.identity().signer:
            raise EnvelopeError("seal: the signing key is not the header's signer; use the device's own key")
        if [len(each) for each in wraps] != self._header.wrap_bytes():
            raise EnvelopeError("seal: the wraps do not fit the header's readers; use those of `wrap`")
        front = _front(header_bytes, wraps)
        self._header_hash = header_hash(front)
        self._keys = SegmentKeys.derive(data_key, self._header_hash)
        signed = BEGIN_DOMAIN + self._header_hash + self._keys.commitment
        self._begin = front + self._keys.commitment + signing_key.sign(signed)
        self._signing_key = signing_key
        self._cipher: ChaCha20Poly1305 | None = ChaCha20Poly1305(self._keys.key)
        self._plain = bytearray(plain_bytes(self._header.segment_samples))
        self._messages = hashlib.sha256()
        self._count = 0
        self._ended = False

    def begin(self) -> bytes:
        """The begin message; the same bytes every time."""
        return self._begin

    def segment(self, pcm: bytes | bytearray | memoryview, gaps: Sequence[Gap] = ()) -> bytes:
        """Seal up to segment_samples of s16le PCM, padded with zeros; more will follow. gaps: where samples
        are missing in it, zeros in `pcm`.
        """
        return self._seal(pcm, gaps, last=False)

    def last(self, pcm: bytes | bytearray | memoryview, gaps: Sequence[Gap] = ()) -> bytes:
        """Seal the last segment (of 0 to segment_samples) and forget the key."""
        message = self._seal(pcm, gaps, last=True)
        del self._keys
        self._cipher = None
        return message

    def end(self, reason: str, checkpoint: str) -> bytes:
        """The signed end record, once, after `last`. checkpoint: the ledger's signed note, or empty."""
        if self._cipher is not None or self._ended:
            raise SealOrderError("seal: an utterance ends once, after its last segment; call last, then end")
        if reason not in REASONS:
            raise EnvelopeError(f"end: unknown reason {reason!r}; use one of {', '.join(REASONS)}")
        fields = {
            "v": 1,
            "utterance": self._header.utterance,
            "header_hash": self._header_hash.hex(),
            "segments": self._count,
            "sha256": self._messages.hexdigest(),
            "reason": reason,
            "checkpoint": checkpoint,
        }
        record = to_json(fields, "end")
        self._ended = True
        return len(record).to_bytes(4, "big") + record + self._signing_key.sign(END_DOMAIN + record)

    def _seal(self, pcm: bytes | bytearray | memoryview, gaps: Sequence[Gap], *, last: bool) -> bytes:
        if self._cipher is None:
            raise SealOrderError("seal: the last segment is sealed; begin a new utterance")
        counter = self._count * 2 + last
        try:
            self._fill(pcm, gaps)
            sealed = self._cipher.encrypt(self._keys.nonce(counter), self._plain, None)
        finally:
            self._plain[:] = bytes(len(self._plain))
        message = counter.to_bytes(4, "big") + sealed
        self._messages.update(message)
        self._count += 1
        return message

    def _fill(self, pcm: bytes | bytearray | memoryview, gaps: Sequence[Gap]) -> None:
        # released at once: a bytearray cannot be emptied by its owner while a view of it is alive
        with memoryview(pcm) as view, view.cast("B") as octets:
            samples, odd = divmod(len(octets), 2)
            most = self._header.segment_samples
            if odd or samples > most:
                raise EnvelopeError(f"segment: {len(octets)} bytes; give whole samples, {most} at most")
            self._plain[:PCM_AT] = samples.to_bytes(2, "big") + pack(gaps, octets)
            self._plain[PCM_AT : PCM_AT + len(octets)] = octets


def _front(header_bytes: bytes, wraps: Sequence[bytes]) -> bytes:
    """The begin message up to its commitment."""
    front = [MAGIC, len(header_bytes).to_bytes(4, "big"), header_bytes, len(wraps).to_bytes(2, "big")]
    for each in wraps:
        front += [len(each).to_bytes(2, "big"), each]
    return b"".join(front)
