"""Messages that no honest device makes, for the refusals among the test vectors. Never used to seal anything.

A forged message is right in everything but the one thing that is asked for: signed, committed to, and even
sealed by hand where the library would refuse to seal.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from device.envelope.layout import BEGIN_DOMAIN, END_DOMAIN, WRAP_DOMAIN, SegmentKeys, header_hash

Json = dict[str, Any]

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
_MLKEM_BYTES = 1088


class Kem(NamedTuple):
    """What a key encapsulation gives: its id, the shared secret, and what is sent of it."""

    number: int
    secret: bytes
    enc: bytes


class Cast(NamedTuple):
    """Who plays in the attacks: the vectors, the base's device, and another device."""

    cases: Json
    two_keys: Json
    device: Ed25519PrivateKey
    stranger: Ed25519PrivateKey

    @property
    def base(self) -> Json:
        return dict(self.cases["x25519"])

    @property
    def other(self) -> Json:
        return dict(self.cases["several-segments"])


def refused_at(step: str, base: Json, part: str, crafted: dict[str, bytes]) -> Iterator[Json]:
    """Refusals that replace one message of the base."""
    for name, message in crafted.items():
        yield {"name": name, "base": base["name"], part: message.hex(), "refused_at": step}


def begin(
    header: str | bytes,
    wraps: list[bytes],
    base: Json | None = None,
    key: Ed25519PrivateKey | None = None,
    magic: bytes = b"OVH1",
) -> bytes:
    """A begin message around any header; with a key, committed to the base's data key and signed."""
    octets = header if isinstance(header, bytes) else header.encode()
    front = magic + len(octets).to_bytes(4, "big") + octets + len(wraps).to_bytes(2, "big")
    front += b"".join(len(each).to_bytes(2, "big") + each for each in wraps)
    if base is None or key is None:
        return front + bytes(96)
    commitment = SegmentKeys.derive(bytes.fromhex(base["data_key"]), header_hash(front)).commitment
    return front + commitment + key.sign(BEGIN_DOMAIN + header_hash(front) + commitment)


def end(record: str, key: Ed25519PrivateKey | None = None) -> bytes:
    """An end message around any record."""
    octets = record.encode()
    return len(octets).to_bytes(4, "big") + octets + (key.sign(END_DOMAIN + octets) if key else bytes(64))


def segment(case: Json, counter: int, plain: bytes) -> bytes:
    """A segment message of any plaintext, sealed with the keys of a vector."""
    keys = SegmentKeys(*(bytes.fromhex(case[name]) for name in ("segment_key", "base_nonce", "commitment")))
    return counter.to_bytes(4, "big") + ChaCha20Poly1305(keys.key).encrypt(keys.nonce(counter), plain, None)


def changed(record: str, **changes: object) -> str:
    """The canonical JSON of a record with some fields changed; a field changed to ... is left out."""
    fields = json.loads(record) | changes
    return canonical({name: value for name, value in fields.items() if value is not ...})


def canonical(value: object) -> str:
    return rfc8785.dumps(value).decode()


def to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def from_base64(text: str) -> bytes:
    return base64.b64decode(text)


def certified(signer: bytes, reply: str) -> str:
    """The device id that certifies two keys, even if they are none."""
    digest = hashlib.sha256(b"overheard/v1/device\0" + signer + reply.encode()).digest()
    return "ovh-" + base64.b32encode(digest).decode().lower()[:26]


def odd_base64(text: str) -> str:
    """The same bytes in a spelling that is not canonical: the lowest unused bit is set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    digits = text.rstrip("=")
    odd = digits[:-1] + alphabet[alphabet.index(digits[-1]) | 1]
    return odd + "=" * (len(text) - len(digits))


def flip(message: bytes, place: int) -> bytes:
    return message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :]


def unreduced(message: bytes) -> bytes:
    """The message with L, the order of the group, added to the S of the Ed25519 signature that ends it."""
    s = int.from_bytes(message[-32:], "little") + GROUP_ORDER
    return message[:-32] + s.to_bytes(32, "little")


def wraps_of(case: Json) -> list[bytes]:
    return [bytes.fromhex(each) for each in case["wraps"]]


def wrap(kem: Kem, plaintext: bytes, header: str) -> bytes:
    """HPKE base mode by hand (RFC 9180, section 5.1): any plaintext, under any shared secret."""
    suite = b"HPKE" + kem.number.to_bytes(2, "big") + bytes.fromhex("00010003")
    info = WRAP_DOMAIN + hashlib.sha256(header.encode()).digest()
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    schedule = _extract(suite, kem.secret, b"secret", b"")
    key, nonce = (
        _expand(suite, schedule, label, context, length)
        for label, length in ((b"key", 32), (b"base_nonce", 12))
    )
    return kem.enc + ChaCha20Poly1305(key).encrypt(nonce, plaintext, b"")


def kem_x25519(private: str, *, zero: bool = False) -> Kem:
    """DHKEM(X25519) to a reader, by an ephemeral key that everybody knows; `zero`: the point of order 1."""
    own = X25519PrivateKey.from_private_bytes(_seed(private)).public_key().public_bytes_raw()
    enc, shared = (bytes(32), bytes(32)) if zero else _known_exchange(own)
    suite = b"KEM\x00\x20"
    secret = _expand(suite, _extract(suite, b"", b"eae_prk", shared), b"shared_secret", enc + own, 32)
    return Kem(0x0020, secret, enc)


def kem_hybrid_zero(private: str, honest_wrap: bytes) -> Kem:
    """X-Wing with the ML-KEM half of an honest wrap, and an X25519 half of zeros."""
    halves = hashlib.shake_256(_seed(private)).digest(96)
    ciphertext = honest_wrap[:_MLKEM_BYTES]
    inner = MLKEM768PrivateKey.from_seed_bytes(halves[:64]).decapsulate(ciphertext)
    own = X25519PrivateKey.from_private_bytes(halves[64:]).public_key().public_bytes_raw()
    secret = hashlib.sha3_256(inner + bytes(64) + own + rb"\.//^" + b"\\").digest()
    return Kem(0x647A, secret, ciphertext + bytes(32))


def _known_exchange(own: bytes) -> tuple[bytes, bytes]:
    ephemeral = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"no secret").digest())
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(own))
    return ephemeral.public_key().public_bytes_raw(), shared


def _seed(private: str) -> bytes:
    return from_base64(private.split(":")[2])


def _extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite + label + secret, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), length, labeled).derive(key)
