"""What the tests of trust and of orders share: a cloud with a root, and the keys notes that it signs."""

import base64
from datetime import UTC, datetime

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.envelope import ReaderKey
from device.ledger import Signer, sign

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
