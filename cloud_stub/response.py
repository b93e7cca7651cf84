"""What a mind answers, and the answer sealed for the one device that asked. Never in the clear.

What is sent to cover says nothing, and is as long as another answer was.
"""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.acks import Outgoing
from device.envelope import Header, ReaderPublic, downlink, seal_once, topics

RESPONSE_DOMAIN = b"overheard/v1/response\0"
BYTES_A_SECOND = 2 * 16_000
LONGEST = 30 * BYTES_A_SECOND
"""No device plays more."""

_BEFORE_ANY = 1.7 * BYTES_A_SECOND
"""About what a short sentence takes."""


class Answer(Protocol):
    """What a mind makes of an utterance."""

    @property
    def heard(self) -> str:
        """The words it heard."""

    @property
    def intent(self) -> str:
        """What was meant; "delete_last" makes the cloud forget this utterance and the one before."""

    @property
    def text(self) -> str:
        """The answer in words."""

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        """What the speaker is to do."""

    @property
    def pcm(self) -> bytes:
        """The answer spoken, s16le mono 16 kHz; empty for an earcon."""


class Mind(Protocol):
    """Whoever answers."""

    def answer(self, pcm: bytes) -> Answer:
        """Answer one complete utterance (s16le mono 16 kHz)."""


class Responses:
    """Seals answers and signs them with `signer`. pad_s: spoken ones are made a multiple of so many seconds
    with silence, 0: are as long as they are.

    It remembers how long the last answers were, and nothing else of them.
    """

    def __init__(self, signer: Ed25519PrivateKey, pad_s: float) -> None:
        self._signer = signer
        self._unit = 2 * round(pad_s * BYTES_A_SECOND / 2)
        self._sizes = deque([round(_BEFORE_ANY)], maxlen=32)

    def answer(self, header: Header, answer: Answer) -> Outgoing:
        """The answer to an utterance, sealed to its device's reply key.

        EnvelopeError if that is a key that nobody can seal to.
        """
        actions = [dict(each) for each in answer.actions]
        plain = _plain(answer.text, answer.intent, actions, answer.pcm)
        if self._unit and answer.pcm:
            text = answer.text + " " * (len(plain) % 2)  # samples have two bytes: only they are left to pad
            plain = _plain(text, answer.intent, actions, answer.pcm)
            plain += bytes(min(-len(plain) % self._unit, LONGEST - len(answer.pcm)))
        self._sizes.append(len(plain))
        return self._sealed(header, plain)

    def silence(self, header: Header) -> Outgoing:
        """The answer to cover: nothing, as long as one of the last answers."""
        size = secrets.choice(self._sizes)
        bare = len(_plain("", "", [], b""))
        text = min(max(0, size - bare), 256 + (size - bare) % 2)
        return self._sealed(header, _plain(" " * text, "", [], bytes(max(0, size - bare - text))))

    def _sealed(self, header: Header, plain: bytes) -> Outgoing:
        context = RESPONSE_DOMAIN + header.utterance.encode()
        sealed = seal_once(plain, ReaderPublic.decode(header.reply), context)
        body = {"v": 1, "device": header.device, "utterance": header.utterance}
        message = downlink.sign("response", body, self._signer, sealed)
        return Outgoing(topics.response(header.device), message)


def _plain(text: str, intent: str, actions: list[dict[str, Any]], pcm: bytes) -> bytes:
    record = rfc8785.dumps({"text": text, "intent": intent, "actions": list[Any](actions)})
    return len(record).to_bytes(4, "big") + record + pcm
