"""The header of an utterance: what anyone may read, and whom it is sealed for. Never holds sound.

Canonical JSON (RFC 8785), strict: a header has one encoding, and every other one is refused.
"""

from calendar import monthrange
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
    str,
    msgspec.Meta(
        pattern=r"\A(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z\Z"
    ),
]
Score = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What started the utterance. A wake word has a `word`, a `score` from 0 to 1, and the `model` that heard
    it (SHA-256 of its file); a button has none of them. In cover they are made up, or absent.
    """

    kind: Literal["wake_word", "button_tap", "button_hold", "cover"]
    word: Text | None = None
    score: Score | None = None
    model: Hex64 | None = None

    @property
    def whole(self) -> bool:
        """Whether it says all that its kind has to say, and no more."""
        absent = (self.word, self.score, self.model).count(None)
        return self.kind == "cover" or absent == (0 if self.kind == "wake_word" else 3)


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
        if not header.trigger.whole:
            raise EnvelopeError(
                f"{_WHERE}: a wake word has word, score and model, a button none; mend the trigger"
            )
        year, month, day = int(header.utc[:4]), int(header.utc[5:7]), int(header.utc[8:10])
        if day > monthrange(year, month)[1]:
            raise EnvelopeError(f"{_WHERE}: no such day as {header.utc[:10]}; set the clock")
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
