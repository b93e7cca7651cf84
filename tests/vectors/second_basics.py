"""What the second reader stands on: bytes, canonical JSON, keys, HPKE. It imports none of our code.

Written from docs/wire-format.md and the papers that it names.
"""

import base64
import binascii
import hashlib
import hmac
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

JSON_LIMIT = 65_536


class CheckError(Exception):
    """A check failed. The text is for whoever debugs a reader, never for a sender."""


def require(holds: bool, what: str) -> None:
    if not holds:
        raise CheckError(what)


# --- Bytes, base64, canonical JSON --------------------------------------------------------------------------


class Cursor:
    """Takes a message apart from its front, never reading past its end."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.at = 0

    def take(self, count: int) -> bytes:
        require(count <= len(self.message) - self.at, "cut short")
        self.at += count
        return self.message[self.at - count : self.at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def record(self) -> bytes:
        """be32 of a length, and so many bytes of JSON."""
        length = self.number(4)
        require(length <= JSON_LIMIT, "JSON too long")
        return self.take(length)

    def rest(self) -> bytes:
        return self.take(len(self.message) - self.at)


def from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CheckError("not base64") from None
    require(base64.b64encode(raw).decode() == text, "not the canonical base64")
    return raw


def canonical_number(value: int | float) -> str:
    """ECMAScript's Number::toString, as RFC 8785 section 3.2.2.3 wants it."""
    double = float(value)
    if not math.isfinite(double):
        raise ValueError("not finite")
    if double == 0:
        return "0"
    sign, digit_tuple, exponent = Decimal(repr(double)).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    if 0 < point <= 21:
        padded = digits.ljust(point, "0")
        text = padded[:point] + ("." + padded[point:] if padded[point:] else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1:+d}"
    return "-" * sign + text


def canonical(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return canonical_number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: str(name).encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    return json.dumps(value, ensure_ascii=False)


def no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def read_json(raw: bytes) -> object:
    require(len(raw) <= JSON_LIMIT, "JSON too long")
    try:
        value: object = json.loads(raw.decode(), parse_constant=no_constant)
        again = canonical(value).encode()
    except (ValueError, OverflowError, RecursionError):
        raise CheckError("not JSON") from None
    require(again == raw, "not canonical JSON")
    return value


# --- Keys and HPKE ------------------------------------------------------------------------------------------


class Suite(NamedTuple):
    kem: int
    public: int
    enc: int
    wrap: int


SUITES = {"x25519": Suite(0x0020, 32, 32, 80), "mlkem768-x25519": Suite(0x647A, 1216, 1120, 1168)}
MLKEM_CIPHERTEXT, MLKEM_PUBLIC = 1088, 1184
XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, info).derive(prk)


@dataclass(frozen=True)
class Labeled:
    """The labeled KDF of RFC 9180 section 4, for one suite_id."""

    suite_id: bytes

    def extract(self, salt: bytes, label: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + self.suite_id + label + secret, "sha256")

    def expand(self, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
        return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + self.suite_id + label + info, length)


@dataclass(frozen=True)
class ReaderKey:
    suite: str
    x25519: X25519PrivateKey
    mlkem: MLKEM768PrivateKey | None

    def public(self) -> bytes:
        own = self.x25519.public_key().public_bytes_raw()
        return own if self.mlkem is None else self.mlkem.public_key().public_bytes_raw() + own

    def text(self) -> str:
        return f"{self.suite}:{base64.b64encode(self.public()).decode()}"

    def id(self) -> str:
        return sha256(b"overheard/v1/reader\0", self.text().encode()).hex()[:16]

    def shared_secret(self, enc: bytes) -> bytes:
        """Decap of DHKEM(X25519, HKDF-SHA256), RFC 9180 section 4.1, or of X-Wing."""
        ephemeral, own = enc[-32:], self.public()[-32:]
        try:
            dh = self.x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        except ValueError:
            raise CheckError("X25519 gave zero") from None
        if self.mlkem is None:
            kdf = Labeled(b"KEM" + SUITES[self.suite].kem.to_bytes(2, "big"))
            return kdf.expand(kdf.extract(b"", b"eae_prk", dh), b"shared_secret", enc + own, 32)
        inner = self.mlkem.decapsulate(enc[:MLKEM_CIPHERTEXT])
        return hashlib.sha3_256(inner + dh + ephemeral + own + XWING_LABEL).digest()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """RFC 9180, base mode, single shot, empty aad."""
        cursor = Cursor(sealed)
        secret = self.shared_secret(cursor.take(SUITES[self.suite].enc))
        kdf = Labeled(b"HPKE" + SUITES[self.suite].kem.to_bytes(2, "big") + bytes.fromhex("00010003"))
        context = b"\0" + kdf.extract(b"", b"psk_id_hash", b"") + kdf.extract(b"", b"info_hash", info)
        schedule = kdf.extract(secret, b"secret", b"")
        key = kdf.expand(schedule, b"key", context, 32)
        return aead_open(key, kdf.expand(schedule, b"base_nonce", context, 12), cursor.rest())


def read_private(text: str) -> ReaderKey:
    prefix, suite, raw_text = text.removesuffix("\n").split(":")
    seed = from_base64(raw_text)
    require(prefix == "overheard-reader-private" and suite in SUITES, "not a private reader key")
    require(len(seed) == 32, "length of a private reader key")
    if suite == "x25519":
        return ReaderKey(suite, X25519PrivateKey.from_private_bytes(seed), None)
    expanded = hashlib.shake_256(seed).digest(96)
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    return ReaderKey(suite, x25519, MLKEM768PrivateKey.from_seed_bytes(expanded[:64]))


def check_public(text: str) -> None:
    """A public reader key as text: suite, canonical base64, length, and the modulus check of ML-KEM."""
    suite, _, encoded = text.partition(":")
    raw = from_base64(encoded)
    require(suite in SUITES and len(raw) == SUITES[suite].public, "public reader key")
    if suite == "mlkem768-x25519":
        try:
            MLKEM768PublicKey.from_public_bytes(raw[:MLKEM_PUBLIC])
        except ValueError:
            raise CheckError("not an ML-KEM key") from None


def read_signer(text: str) -> bytes:
    """The 32 bytes of an Ed25519 public key."""
    raw = from_base64(text)
    require(len(raw) == 32, "length of a signer")
    return raw


def device_id(signer: bytes, reply: str) -> str:
    digest = sha256(b"overheard/v1/device\0", signer, reply.encode())
    return "ovh-" + base64.b32encode(digest).decode().lower()[:26]


def aead_open(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise CheckError("does not open") from None


def verify(signer: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise CheckError("signature") from None
