"""What sealing and opening must agree on: domain strings, canonical JSON, the keys of one utterance.

No I/O, clock or randomness. Never lenient: what is not the one right encoding of a value is refused.
"""

import base64
import hashlib
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, get_args

import msgspec
import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from device.envelope.errors import EnvelopeError
from device.envelope.gaps import GAPS_BYTES

MAGIC: Final = b"OVH1"
HEADER_DOMAIN: Final = b"overheard/v1/header\0"
WRAP_DOMAIN: Final = b"overheard/v1/wrap\0"
SEGMENTS_DOMAIN: Final = b"overheard/v1/segments\0"
BEGIN_DOMAIN: Final = b"overheard/v1/begin\0"
END_DOMAIN: Final = b"overheard/v1/end\0"

KEY_BYTES: Final = 32
HASH_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
PCM_AT: Final = 2 + GAPS_BYTES
"""Where the PCM begins in a segment's plaintext: after the number of valid samples and the gaps."""
JSON_MAX_BYTES: Final = 65_536

Reason = Literal[
    "silence", "no_speech", "max_duration", "released", "cancelled", "muted", "mic_lost", "error"
]
REASONS: Final[tuple[str, ...]] = get_args(Reason)
"""Why an utterance ended."""
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Hex32 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Hex64 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

T = TypeVar("T")


class EndRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed JSON of the end message."""

    v: Literal[1]
    utterance: Hex32
    header_hash: Hex64
    segments: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    sha256: Hex64
    reason: Reason
    checkpoint: str


class SegmentKeys(NamedTuple):
    """What a data key gives for one header hash: AEAD key, base nonce, key commitment."""

    key: bytes
    base_nonce: bytes
    commitment: bytes

    @classmethod
    def derive(cls, data_key: bytes, header_hash: bytes) -> "SegmentKeys":
        """HKDF-Expand-SHA256 (RFC 5869) of 32 bytes; the header hash ties it to header and wraps."""
        if len(data_key) != KEY_BYTES:
            raise EnvelopeError(f"data key: {len(data_key)} bytes; use {KEY_BYTES} random bytes")
        length = KEY_BYTES + NONCE_BYTES + HASH_BYTES
        expanded = HKDFExpand(hashes.SHA256(), length, SEGMENTS_DOMAIN + header_hash).derive(data_key)
        return cls(expanded[:32], expanded[32:44], expanded[44:])

    def nonce(self, counter: int) -> bytes:
        """base_nonce XOR be96(counter); the counter is index * 2 + last."""
        return (int.from_bytes(self.base_nonce, "big") ^ counter).to_bytes(NONCE_BYTES, "big")


class Cursor:
    """Reads a message from front to back; EnvelopeError instead of a short read."""

    def __init__(self, message: bytes, where: str) -> None:
        self._message = message
        self._where = where
        self._at = 0

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        if length > len(self._message) - self._at:
            raise EnvelopeError(f"{self._where}: cut short; ask for it again")
        self._at += length
        return self._message[self._at - length : self._at]

    def number(self, length: int) -> int:
        """The next `length` bytes, big-endian."""
        return int.from_bytes(self.take(length), "big")

    def json(self) -> bytes:
        """A be32 length and that many bytes of JSON, at most JSON_MAX_BYTES."""
        length = self.number(4)
        if length > JSON_MAX_BYTES:
            raise EnvelopeError(f"{self._where}: JSON too long; drop the message")
        return self.take(length)

    def rest(self) -> bytes:
        """Everything not yet taken."""
        return self._message[self._at :]


def header_hash(before_commitment: bytes) -> bytes:
    """SHA-256 over everything in a begin message before its commitment, in its own domain."""
    return hashlib.sha256(HEADER_DOMAIN + before_commitment).digest()


def plain_bytes(segment_samples: int) -> int:
    """Length of the plaintext of every segment of an utterance."""
    return PCM_AT + 2 * segment_samples


def segment_bytes(segment_samples: int) -> int:
    """Length of every segment message of an utterance."""
    return 4 + plain_bytes(segment_samples) + TAG_BYTES


def to_json(value: Any, where: str) -> bytes:
    """RFC 8785 canonical JSON of a struct or a dict; EnvelopeError if it has none or is too long."""
    try:
        data = rfc8785.dumps(msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value)
    except (TypeError, ValueError, RecursionError) as error:
        raise EnvelopeError(f"{where}: has no canonical JSON; use finite numbers below 2**53") from error
    if len(data) > JSON_MAX_BYTES:
        raise EnvelopeError(f"{where}: {len(data)} bytes of JSON; keep it below {JSON_MAX_BYTES}")
    return data


def from_json(data: bytes, kind: type[T], where: str) -> T:
    """The value whose one and only canonical encoding `data` is; EnvelopeError otherwise.

    Encoding it again and comparing refuses duplicate keys, odd numbers, spaces and unsorted keys at once.
    """
    try:
        value = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EnvelopeError(f"{where}: not the JSON of version 1; drop the message") from error
    if to_json(value, where) != data:
        raise EnvelopeError(f"{where}: JSON not canonical (RFC 8785); drop the message")
    return value


def from_base64(text: str, where: str) -> bytes:
    """Standard padded base64, in its one canonical spelling; EnvelopeError otherwise."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise EnvelopeError(f"{where}: not base64; copy the key again") from error
    if to_base64(raw) != text:
        raise EnvelopeError(f"{where}: base64 not canonical; copy the key again")
    return raw


def to_base64(raw: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(raw).decode("ascii")
