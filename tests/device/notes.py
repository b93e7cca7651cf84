"""What the tests of trust and of orders share: a cloud with a root, its keys notes, and what it says."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.envelope import ReaderKey, device_id, downlink, seal_once, topics
from device.keys import Identity
from device.ledger import Signer, sign
from device.orders import Order, Orders
from device.serials import Serials
from device.trust import Trust

ROOT = Signer("overheard-cloud", Ed25519PrivateKey.from_private_bytes(b"r" * 32))
READER = ReaderKey("x25519", b"c" * 32)
SIGNING = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TITLE = "overheard/v1/keys\n"


def public_of(key: Ed25519PrivateKey) -> str:
    """The public half in base64."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def fields(**other: str) -> dict[str, str]:
    """What a keys note of 31 January says, but for `other`."""
    return {
        "not_before": "2026-01-31T00:00:00Z",
        "not_after": "2026-02-01T00:00:00Z",
        "reader": READER.public.encode(),
        "signer": public_of(SIGNING),
    } | other


def note(said: dict[str, str] | None = None, root: Signer = ROOT, title: str = TITLE) -> bytes:
    """A keys note, signed."""
    return sign(f"{title}{rfc8785.dumps(dict(said or fields())).decode()}\n", root).encode()


UTTERANCE, OTHER = "0a" * 16, "0b" * 16
REPLY = ReaderKey("x25519", b"y" * 32)
DEVICE_KEY = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
DEVICE = device_id(DEVICE_KEY.public_key().public_bytes_raw(), REPLY.public)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
TOPICS = {"ack": topics.ack(DEVICE), "response": topics.response(DEVICE), "command": topics.command(DEVICE)}

ACK = {"v": 1, "device": DEVICE, "utterance": UTTERANCE, "state": "complete"} | {
    "missing": [],
    "begin": False,
    "end": False,
}
COMMAND = {"v": 1, "device": DEVICE, "serial": 5, "do": "volume", "to": 0.25}
RESPONSE = {"v": 1, "device": DEVICE, "utterance": UTTERANCE}
SPOKEN = {"text": "Noon", "intent": "time", "actions": [{"do": "timer", "after_s": 5}]}


def make_orders(memory: Path, serials: Path | None = None) -> Orders:
    """A device that remembers the note at `memory`, and the serial of a command at `serials` or beside it."""
    trust = Trust(ROOT.vkey, memory)
    return Orders(Identity(DEVICE, DEVICE_KEY, REPLY), trust, Serials(serials or memory.with_name("serial")))


def give(
    orders: Orders, kind: str, body: dict[str, Any], attachment: bytes = b"", key: Ed25519PrivateKey = SIGNING
) -> Order:
    """Let the cloud say something."""
    return orders.take(TOPICS[kind], downlink.sign(kind, body, key, attachment), False)


def framed(spoken: object, pcm: bytes = b"") -> bytes:
    """An answer before it is sealed."""
    record = spoken if isinstance(spoken, bytes) else rfc8785.dumps(spoken)
    return len(record).to_bytes(4, "big") + record + pcm


def sealed(plain: bytes, utterance: str = UTTERANCE, reply: ReaderKey = REPLY) -> bytes:
    """An answer as it is attached."""
    return seal_once(plain, reply.public, b"overheard/v1/response\0" + utterance.encode())
