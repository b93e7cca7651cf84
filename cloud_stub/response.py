"""What a mind answers, and the answer sealed for the one device that asked. Never in the clear."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.acks import Outgoing
from device.envelope import Header, ReaderPublic, downlink, seal_once, topics

RESPONSE_DOMAIN = b"overheard/v1/response\0"


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


def sealed_response(header: Header, answer: Answer, signer: Ed25519PrivateKey) -> Outgoing:
    """The answer to an utterance, sealed to its device's reply key and signed."""
    said: dict[str, Any] = {
        "text": answer.text,
        "intent": answer.intent,
        "actions": [dict(each) for each in answer.actions],
    }
    record = rfc8785.dumps(said)
    plain = len(record).to_bytes(4, "big") + record + answer.pcm
    context = RESPONSE_DOMAIN + header.utterance.encode()
    sealed = seal_once(plain, ReaderPublic.decode(header.reply), context)
    body = {"v": 1, "device": header.device, "utterance": header.utterance}
    return Outgoing(topics.response(header.device), downlink.sign("response", body, signer, sealed))
