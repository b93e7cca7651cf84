"""How TLS 1.3 protects records: keys from a traffic secret, nonces from a count (RFC 8446 sections 5 and 7).

It only opens. The AEADs and HKDF are those of `cryptography`.
"""

from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lab.audit.line.nonsense import Nonsense

TAG_BYTES = 16


class Aead(Protocol):
    """What opens."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the plaintext, or raise InvalidTag."""


class Suite(NamedTuple):
    """A cipher suite of TLS 1.3."""

    aead: type[AESGCM | ChaCha20Poly1305]
    key_bytes: int
    hash: type[hashes.SHA256 | hashes.SHA384]

    @property
    def hash_bytes(self) -> int:
        """The length of its secrets, and of what a Finished holds."""
        return self.hash.digest_size


SUITES = {
    0x1301: Suite(AESGCM, 16, hashes.SHA256),
    0x1302: Suite(AESGCM, 32, hashes.SHA384),
    0x1303: Suite(ChaCha20Poly1305, 32, hashes.SHA256),
}


class Protection:
    """Opens the records of one side, in order, from one traffic secret to the next."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite = suite
        self._take(secret)

    def open(self, header: bytes, body: bytes) -> bytes:
        """Return what is inside of the next record. Raises Nonsense when its key does not open it."""
        nonce = (self._iv ^ self._count).to_bytes(12, "big")
        self._count += 1
        try:
            return self._aead.decrypt(nonce, body, header)
        except (InvalidTag, ValueError) as error:
            raise Nonsense("a record that the key log's keys do not open") from error

    def update(self) -> None:
        """Go on with the next traffic secret, after a KeyUpdate."""
        self._take(expand(self._suite, self._secret, "traffic upd", self._suite.hash_bytes))

    def _take(self, secret: bytes) -> None:
        if len(secret) != self._suite.hash_bytes:
            raise Nonsense("a secret in the key log that is not of the connection's cipher suite")
        self._secret = secret
        self._aead: Aead = self._suite.aead(expand(self._suite, secret, "key", self._suite.key_bytes))
        self._iv = int.from_bytes(expand(self._suite, secret, "iv", 12), "big")
        self._count = 0


def expand(suite: Suite, secret: bytes, label: str, length: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 section 7.1)."""
    full = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    return HKDFExpand(suite.hash(), length, info).derive(secret)
