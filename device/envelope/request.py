"""A device's request for a certificate, signed with the key that its id certifies. It never says whether to
grant it.

Pure: no I/O, clock or randomness.
"""

import hashlib
from typing import Final, Literal

import msgspec
import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from device.envelope.errors import EnvelopeError
from device.envelope.keys import ReaderPublic, device_id
from device.envelope.layout import SIGNATURE_BYTES, Cursor, Hex64, from_base64, from_json

REQUEST_DOMAIN: Final = b"overheard/v1/request\0"
HARDWARE_DOMAIN: Final = b"overheard/v1/hardware\0"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The record of a request. `csr` is PKCS #10 in PEM, `hardware` what `hardware_hash` gave, or None."""

    v: Literal[1]
    device: str
    signer: str
    reply: str
    csr: str
    hardware: Hex64 | None


def sign_request(request: Request, key: Ed25519PrivateKey) -> bytes:
    """be32 length | RFC 8785 JSON | Ed25519 signature by the device's identity key."""
    record = rfc8785.dumps(msgspec.to_builtins(request))
    return len(record).to_bytes(4, "big") + record + key.sign(REQUEST_DOMAIN + record)


def open_request(payload: bytes) -> tuple[Request, Ed25519PublicKey]:
    """The request, and the key that its certificate is to be for.

    Raises EnvelopeError unless the id is that of the keys, both signatures hold, and the CSR names the device
    alone.
    """
    cursor = Cursor(payload, "request")
    record = cursor.json()
    request = from_json(record, Request, "request")
    signature = cursor.take(SIGNATURE_BYTES)
    signer = from_base64(request.signer, "request")
    try:
        public = Ed25519PublicKey.from_public_bytes(signer)
        public.verify(signature, REQUEST_DOMAIN + record)
    except (InvalidSignature, ValueError) as error:
        raise EnvelopeError("request: bad signature; drop it") from error
    if cursor.rest() or device_id(signer, ReaderPublic.decode(request.reply)) != request.device:
        raise EnvelopeError("request: not of the device that it names; drop it")
    return request, _asked_for(request)


def hardware_hash(device: str, serial: str) -> str:
    """What a device says of its board: a hash that is another for each device id, so it links nothing."""
    return hashlib.sha256(HARDWARE_DOMAIN + device.encode() + b"\n" + serial.encode()).hexdigest()


def _asked_for(request: Request) -> Ed25519PublicKey:
    try:
        csr = x509.load_pem_x509_csr(request.csr.encode())
        names = [(each.oid, each.value) for each in csr.subject]
        key = csr.public_key()
        fits = names == [(NameOID.COMMON_NAME, request.device)] and csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise EnvelopeError("request: no certificate signing request in it; drop it") from error
    if not fits or not isinstance(key, Ed25519PublicKey):
        raise EnvelopeError("request: asks for something else than its own Ed25519 certificate; drop it")
    return key
