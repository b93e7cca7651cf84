"""Signed messages from the cloud to a device: ack, command, response, certificate. Never what to do with one.

Pure: no I/O, clock or randomness. A signature says who wrote a message, not that it is for you or new:
compare the body's `device` (and a command's `serial`) before doing anything.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from device.envelope.errors import EnvelopeError
from device.envelope.layout import SIGNATURE_BYTES, Cursor, from_json, to_json

KINDS: Final = ("ack", "command", "response", "certificate")
_ATTACHMENT: Final = "attachment"

_Scalar = str | int | float | bool | None
_Body = dict[str, _Scalar | list[_Scalar | list[_Scalar]]]  # flat: nothing in a body can be deep


def sign(kind: str, body: Mapping[str, Any], key: Ed25519PrivateKey, attachment: bytes = b"") -> bytes:
    """be32 length | RFC 8785 JSON | Ed25519 signature | attachment; EnvelopeError for a body without JSON.

    body: with "v": 1; the attachment's SHA-256 is added to it here.
    """
    if not _version_1(body) or _ATTACHMENT in body:
        raise EnvelopeError(f'{kind}: a body says "v": 1 and leaves "{_ATTACHMENT}" to sign; mend it')
    record = to_json({**body, **_named(attachment)}, kind)
    from_json(record, _Body, kind)
    return len(record).to_bytes(4, "big") + record + key.sign(_signed(kind, record)) + attachment


def open(kind: str, payload: bytes, public: Ed25519PublicKey) -> tuple[dict[str, Any], bytes]:
    """The body as `sign` was given it, and the attachment (empty if none); EnvelopeError otherwise."""
    cursor = Cursor(payload, kind)
    record = cursor.json()
    try:
        public.verify(cursor.take(SIGNATURE_BYTES), _signed(kind, record))
    except InvalidSignature as error:
        raise EnvelopeError(f"{kind}: bad signature; drop the message") from error
    body: dict[str, Any] = from_json(record, _Body, kind)
    attachment = cursor.rest()
    named = {_ATTACHMENT: body.pop(_ATTACHMENT)} if _ATTACHMENT in body else {}
    if not _version_1(body) or named != _named(attachment):
        raise EnvelopeError(f"{kind}: wrong version or attachment; drop the message")
    return body, attachment


def _version_1(body: Mapping[str, Any]) -> bool:
    return type(body.get("v")) is int and body["v"] == 1  # true == 1 in Python


def _named(attachment: bytes) -> dict[str, str]:
    return {_ATTACHMENT: hashlib.sha256(attachment).hexdigest()} if attachment else {}


def _signed(kind: str, record: bytes) -> bytes:
    if kind not in KINDS:  # a kind is a signing domain: begin and end are the device's
        raise EnvelopeError(f"{kind}: not a downlink message; use one of {', '.join(KINDS)}")
    return f"overheard/v1/{kind}\0".encode() + record
