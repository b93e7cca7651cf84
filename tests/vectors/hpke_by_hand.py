"""HPKE opening by hand: RFC 9180 sections 4, 4.1 and 5.1, RFC 5869, and X-Wing, on bare primitives.

For tests only: so that the numbers in docs/wire-format.md are checked against something other than the
library that made them.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEM_X25519, KEM_XWING, KDF, AEAD = 0x0020, 0x647A, 0x0001, 0x0003


def extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), secret, "sha256")


def expand(key: bytes, info: bytes, length: int) -> bytes:
    out, last = b"", b""
    while len(out) < length:
        last = hmac.digest(key, last + info + bytes([len(out) // 32 + 1]), "sha256")
        out += last
    return out[:length]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def halves(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    both = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(both[:64]), X25519PrivateKey.from_private_bytes(both[64:])


def public_of(suite: str, seed: bytes) -> bytes:
    if suite == "x25519":
        return X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    mlkem, curve = halves(seed)
    return mlkem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def decapsulate_x25519(seed: bytes, enc: bytes) -> bytes:
    curve = X25519PrivateKey.from_private_bytes(seed)
    shared = curve.exchange(X25519PublicKey.from_public_bytes(enc))
    suite = b"KEM" + KEM_X25519.to_bytes(2, "big")
    prk = labeled_extract(suite, b"", b"eae_prk", shared)
    return labeled_expand(suite, prk, b"shared_secret", enc + curve.public_key().public_bytes_raw(), 32)


def decapsulate_xwing(seed: bytes, enc: bytes) -> bytes:
    mlkem, curve = halves(seed)
    point = enc[1088:]
    shared = curve.exchange(X25519PublicKey.from_public_bytes(point))
    own = curve.public_key().public_bytes_raw()
    return hashlib.sha3_256(mlkem.decapsulate(enc[:1088]) + shared + point + own + b"\\.//^\\").digest()


def hpke_open(suite_name: str, seed: bytes, sealed: bytes, info: bytes) -> bytes:
    """Base mode, single shot; InvalidTag if it does not open."""
    hybrid = suite_name == "mlkem768-x25519"
    cut = 1120 if hybrid else 32
    shared = (decapsulate_xwing if hybrid else decapsulate_x25519)(seed, sealed[:cut])
    numbers = (KEM_XWING if hybrid else KEM_X25519, KDF, AEAD)
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in numbers)
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"")
    context += labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context, 32)
    nonce = labeled_expand(suite, secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, sealed[cut:], b"")
