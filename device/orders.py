"""What comes down the line, checked. Nothing here can start a capture or unmute: there is no word for it
(promise 3).

Everything that is not exactly right is refused and counted, and so is a command whose serial cannot be
remembered; it never reaches the loop.
"""

from typing import Annotated, Literal

import msgspec

from device.asks import Ack
from device.envelope import EnvelopeError, downlink, open_once, topics
from device.envelope.layout import Cursor
from device.keys import Identity
from device.serials import Serials
from device.trust import Trust
from hardware.board import RATE_HZ

LONGEST_ANSWER_S = 30
LONGEST_NOTE_BYTES = 8192
LONGEST_BODY_BYTES = 8192
"""A body of 64 KiB costs 50 ms to check, which even the cloud's own key may not take from the loop."""


class Do(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that an answer asks of the speaker besides being played."""

    do: Literal["volume", "timer", "stop"]
    to: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    after_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None


class Answer(msgspec.Struct, frozen=True):
    """The cloud's answer to one utterance, opened: words, deeds, and s16le mono 16 kHz audio."""

    utterance: str
    text: str
    intent: str
    actions: tuple[Do, ...]
    pcm: bytes


class Command(msgspec.Struct, frozen=True):
    """A wish from afar: `mute`, `stop`, `volume` (only down, `to`) or `checkpoint` (with a proof `since` so
    many rows).
    """

    do: Literal["mute", "stop", "volume", "checkpoint"]
    to: float | None = None
    since: int | None = None


class Keys(msgspec.Struct, frozen=True):
    """A keys note was believed."""


class Granted(msgspec.Struct, frozen=True):
    """The cloud's answer to a request for a certificate: `issued`, `waiting` or `refused`, and the PEM."""

    state: Literal["issued", "waiting", "refused"]
    certificate: str


class Refused(msgspec.Struct, frozen=True):
    """Something arrived that is not for this device, or not from whom it says."""

    why: str


_Index = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class _AckBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    device: str
    utterance: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    state: Literal["complete", "missing", "truncated"]
    missing: tuple[tuple[_Index, _Index], ...]
    begin: bool
    end: bool


class _ResponseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    device: str
    utterance: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class _CommandBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    v: Literal[1]
    device: str
    serial: Annotated[int, msgspec.Meta(ge=0)]
    do: Literal["mute", "stop", "volume", "checkpoint"]
    to: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    since: Annotated[int, msgspec.Meta(ge=1, lt=1 << 53)] | None = None


class _CertificateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    device: str
    state: Literal["issued", "waiting", "refused"]
    certificate: str


class _Spoken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    intent: str
    actions: tuple[Do, ...]


BODIES: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "ack": (_AckBody,),
    "command": (_CommandBody,),
    "response": (_ResponseBody, _Spoken),
    "certificate": (_CertificateBody,),
}
"""What each message may hold; of a response, what everybody can read and what only this device can."""

Order = Ack | Answer | Command | Granted | Keys | Refused


class Orders:
    """Reads messages for `identity`, believing whom `trust` believes."""

    def __init__(self, identity: Identity, trust: Trust, serials: Serials) -> None:
        self._identity = identity
        self._trust = trust
        self._serials = serials
        device = identity.device
        self._kinds = {
            topics.ack(device): "ack",
            topics.response(device): "response",
            topics.command(device): "command",
            topics.certificate(device): "certificate",
        }

    def take(self, topic: str, payload: bytes, retained: bool) -> Order:
        """Say what one message means; `Refused` for everything that is not in order."""
        if topic == topics.KEYS:
            fits = len(payload) <= LONGEST_NOTE_BYTES  # a flood of long ones would hold up the loop
            return Keys() if fits and self._trust.take(payload) else Refused("keys")
        kind, signer = self._kinds.get(topic), self._trust.signer
        if kind is None:  # a broker can send what nobody subscribed to
            return Refused("topic")
        if signer is None or retained:
            return Refused("retained" if signer else "no_key")
        try:
            if int.from_bytes(payload[:4], "big") > LONGEST_BODY_BYTES:
                raise EnvelopeError(f"{kind}: a body is longer than it may be; drop the message")
            body, attachment = downlink.open(kind, payload, signer)
            if body.get("device") != self._identity.device:
                return Refused("other_device")
            return self._read(kind, body, attachment)
        except (msgspec.MsgspecError, ValueError):  # as EnvelopeError is, and what a wrong UTF-8 raises
            return Refused("not_in_order")

    def _read(self, kind: str, body: dict[str, object], attachment: bytes) -> Order:
        if kind == "ack":
            ack = msgspec.convert(body, _AckBody)
            return Ack(ack.utterance, ack.state, ack.missing, ack.begin, ack.end)
        if kind == "response":
            return self._open(msgspec.convert(body, _ResponseBody).utterance, attachment)
        if kind == "command":
            return self._command(msgspec.convert(body, _CommandBody))
        granted = msgspec.convert(body, _CertificateBody)
        return Granted(granted.state, granted.certificate)

    def _command(self, body: _CommandBody) -> Order:
        if not self._serials.is_new(body.serial):
            return Refused("replayed")
        if not self._serials.remember(body.serial):
            return Refused("not_remembered")
        return Command(body.do, body.to, body.since)

    def _open(self, utterance: str, sealed: bytes) -> Answer:
        context = b"overheard/v1/response\0" + utterance.encode()
        plain = Cursor(open_once(sealed, self._identity.reply, context), "response")
        spoken = msgspec.json.decode(plain.json(), type=_Spoken)
        pcm = plain.rest()
        if len(pcm) % 2 or len(pcm) > 2 * RATE_HZ * LONGEST_ANSWER_S:
            raise EnvelopeError("an answer is longer than it may be")
        return Answer(utterance, spoken.text, spoken.intent, spoken.actions, pcm)
