"""Reader keys and what certifies a device's own: HPKE (RFC 9180) as `cryptography` implements it.

Randomness enters in two places only: `ReaderKey.generate`, and HPKE's own encapsulation inside `seal_once`
(so also `seal.wrap`). No I/O, no clock. Never prints a private key.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from device.envelope.errors import EnvelopeError
from device.envelope.layout import TAG_BYTES, from_base64, to_base64

HYBRID: Final = "mlkem768-x25519"
PLAIN: Final = "x25519"
SUITES: Final = (HYBRID, PLAIN)
"""The first is the default: X-Wing, safe against a quantum computer as long as either half is."""

_PRIVATE: Final = b"overheard-reader-private:"
_DEVICE_DOMAIN: Final = b"overheard/v1/device\0"
_READER_DOMAIN: Final = b"overheard/v1/reader\0"
_SEED_BYTES: Final = 32
_MLKEM_PUBLIC_BYTES: Final = 1184
_ENC_BYTES: Mapping[str, int] = {HYBRID: 1120, PLAIN: 32}

_Public = MLKEM768X25519PublicKey | X25519PublicKey
_Private = MLKEM768X25519PrivateKey | X25519PrivateKey


@dataclass(frozen=True)
class ReaderPublic:
    """A key that envelopes are sealed to. raw: 1216 bytes (ML-KEM-768, then X25519) or 32 (X25519).

    Raises EnvelopeError when it is not a key of its suite.
    """

    suite: str
    raw: bytes

    def __post_init__(self) -> None:
        self.hpke_key()

    @property
    def id(self) -> str:
        """16 hex characters: the first 8 bytes of a SHA-256 over the encoded key."""
        return hashlib.sha256(_READER_DOMAIN + self.encode().encode()).hexdigest()[:16]

    def encode(self) -> str:
        """`suite:base64`."""
        return f"{self.suite}:{to_base64(self.raw)}"

    @classmethod
    def decode(cls, text: str) -> "ReaderPublic":
        """The key that `encode` wrote; EnvelopeError for anything else."""
        suite, _, encoded = text.partition(":")
        return cls(suite, from_base64(encoded, "reader key"))

    def hpke_key(self) -> _Public:
        """The key as `cryptography` takes it."""
        try:
            if self.suite == PLAIN:
                return X25519PublicKey.from_public_bytes(self.raw)
            if self.suite == HYBRID:
                return MLKEM768X25519PublicKey(
                    MLKEM768PublicKey.from_public_bytes(self.raw[:_MLKEM_PUBLIC_BYTES]),
                    X25519PublicKey.from_public_bytes(self.raw[_MLKEM_PUBLIC_BYTES:]),
                )
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EnvelopeError(f"reader key: not a key of {self.suite}; copy it again") from error
        raise EnvelopeError(f"reader key: unknown suite; use one of {', '.join(SUITES)}")


class ReaderKey:
    """A private reader key: a 32-byte seed (X-Wing's decapsulation key, or the X25519 private key)."""

    def __init__(self, suite: str, seed: bytes) -> None:
        if suite not in SUITES or len(seed) != _SEED_BYTES:
            raise EnvelopeError("private reader key: unknown suite or wrong length; generate a new one")
        self.suite = suite
        self._seed = bytes(seed)
        try:
            self._private, raw = _expand(suite, self._seed)
        except UnsupportedAlgorithm as error:
            raise EnvelopeError(f"private reader key: no {suite} here; upgrade cryptography") from error
        self.public = ReaderPublic(suite, raw)

    def __repr__(self) -> str:
        return f"ReaderKey({self.suite}, {self.public.id})"

    @classmethod
    def generate(cls, suite: str = HYBRID) -> "ReaderKey":
        """A new key from the system's randomness: 32 fresh bytes, which is what generate_key draws."""
        return cls(suite, ChaCha20Poly1305.generate_key())

    @classmethod
    def from_bytes(cls, data: bytes) -> "ReaderKey":
        """The key that `to_bytes` wrote; one trailing newline is allowed. EnvelopeError otherwise."""
        suite, _, encoded = data.removeprefix(_PRIVATE).removesuffix(b"\n").partition(b":")
        if not data.startswith(_PRIVATE) or not data.isascii():
            raise EnvelopeError("private reader key: not one of ours; generate a new one")
        return cls(suite.decode("ascii"), from_base64(encoded.decode("ascii"), "private reader key"))

    def to_bytes(self) -> bytes:
        """`overheard-reader-private:suite:base64` in ASCII: no public key can be mistaken for it."""
        return _PRIVATE + self.suite.encode() + b":" + to_base64(self._seed).encode()

    def hpke_key(self) -> _Private:
        """The key as `cryptography` takes it."""
        return self._private


def device_id(sign_public: bytes, reply: ReaderPublic) -> str:
    """`ovh-` and 26 base32 characters (130 bits) of a SHA-256 over the device's own two keys.

    A device id therefore certifies its signer (32 raw Ed25519 bytes) and the key answers are sealed to.
    """
    digest = hashlib.sha256(_DEVICE_DOMAIN + sign_public + reply.encode().encode()).digest()
    return "ovh-" + base64.b32encode(digest).decode("ascii").lower()[:26]


def seal_once(plaintext: bytes, reader: ReaderPublic, context: bytes) -> bytes:
    """HPKE base mode, single shot, `context` as info: enc | ciphertext. Draws its own randomness."""
    try:
        return _suite(reader.suite).encrypt(plaintext, reader.hpke_key(), info=context)
    except ValueError as error:  # a low-order X25519 point
        raise EnvelopeError(f"reader key {reader.id}: cannot be sealed to; fetch it again") from error


def open_once(sealed: bytes, key: ReaderKey, context: bytes) -> bytes:
    """What `seal_once` sealed for this key in this context; EnvelopeError otherwise."""
    try:
        return _suite(key.suite).decrypt(sealed, key.hpke_key(), info=context)
    except (InvalidTag, ValueError) as error:
        raise EnvelopeError("sealed message: does not open; drop it") from error


def sealed_bytes(suite: str, plaintext_bytes: int) -> int:
    """Length of what `seal_once` makes: encapsulated key, ciphertext, tag."""
    return _ENC_BYTES[suite] + plaintext_bytes + TAG_BYTES


def _suite(name: str) -> Suite:
    kem = KEM.MLKEM768_X25519 if name == HYBRID else KEM.X25519
    return Suite(kem, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _expand(suite: str, seed: bytes) -> tuple[_Private, bytes]:
    """Private and raw public key: X25519 takes the seed itself, X-Wing its two halves from SHAKE256 of it."""
    if suite == PLAIN:
        private = X25519PrivateKey.from_private_bytes(seed)
        return private, private.public_key().public_bytes_raw()
    halves = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(halves[:64])
    curve = X25519PrivateKey.from_private_bytes(halves[64:])
    raw = mlkem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return MLKEM768X25519PrivateKey(mlkem, curve), raw
