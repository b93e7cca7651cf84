"""The header of an utterance: what anyone may read, and whom it is sealed for. Never holds sound.

Canonical JSON (RFC 8785), strict: a header has one encoding, and every other one is refused.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device.envelope.errors import EnvelopeError
from device.envelope.keys import ReaderPublic, device_id, sealed_bytes
from device.envelope.layout import KEY_BYTES, Count, Hex32, Hex64, from_base64, from_json, to_json

_WHERE = "header"

Text = Annotated[str, msgspec.Meta(max_length=64)]
Name = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9-]{1,64}\Z")]
Utc = Annotated[
    str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z\Z")
]


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What started the utterance; `word`, `score` and `model` (SHA-256 of its file) when a wake word did."""

    kind: Literal["wake_word", "button_tap", "button_hold"]
    word: Text | None = None
    score: float | None = None
    model: Hex64 | None = None


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner allows: keeping the recording, and human review of it."""

    save: bool
    review: bool


class NamedReader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader of this utterance: id of its key, suite, and a name for people."""

    id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
    suite: Literal["mlkem768-x25519", "x25519"]
    name: Text


class Identity(NamedTuple):
    """The device's own keys, once its id was seen to certify them."""

    signer: Ed25519PublicKey
    reply: ReaderPublic


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about an utterance that is not sound. Fields are described in docs/wire-format.md."""

    v: Literal[1] = 1
    device: Annotated[str, msgspec.Meta(pattern=r"\Aovh-[a-z2-7]{26}\Z")]
    boot: Name
    utterance: Hex32
    trigger: Trigger
    first_sample: Count
    utc: Utc
    codec: Literal["pcm_s16le"] = "pcm_s16le"
    rate: Literal[16000] = 16_000
    segment_samples: Annotated[int, msgspec.Meta(ge=1280, le=6400, multiple_of=320)] = 1280
    consent: Consent
    ledger_index: Count
    readers: Annotated[tuple[NamedReader, ...], msgspec.Meta(min_length=1, max_length=16)]
    signer: str
    reply: str

    def to_bytes(self) -> bytes:
        """RFC 8785 JSON. EnvelopeError for a header that `from_bytes` would refuse."""
        data = to_json(self, _WHERE)
        self.from_bytes(data)
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> "Header":
        """The header these bytes are the canonical encoding of; EnvelopeError for anything else."""
        header = from_json(data, cls, _WHERE)
        if len({reader.id for reader in header.readers}) != len(header.readers):
            raise EnvelopeError(f"{_WHERE}: a reader is named twice; name each once")
        return header

    def identity(self) -> Identity:
        """The signer and reply keys, if the device id certifies them; EnvelopeError if it does not."""
        raw = from_base64(self.signer, _WHERE)
        reply = ReaderPublic.decode(self.reply)
        if device_id(raw, reply) != self.device:
            raise EnvelopeError(f"{_WHERE}: the keys are not this device's; drop the message")
        try:
            return Identity(Ed25519PublicKey.from_public_bytes(raw), reply)
        except ValueError as error:
            raise EnvelopeError(f"{_WHERE}: no Ed25519 key; drop the message") from error

    def wrap_bytes(self) -> list[int]:
        """The length that each reader's wrap must have."""
        return [sealed_bytes(reader.suite, KEY_BYTES) for reader in self.readers]
