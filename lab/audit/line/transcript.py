"""The handshake of a connection, hashed, so that each side's Finished can be checked against it: then what
the capture has of the handshake is what both sides had (RFC 8446 section 4.4).
"""

import hmac

from cryptography.hazmat.primitives import hashes

from lab.audit.line.protection import Suite, expand

_MESSAGE_HASH = b"\xfe\x00\x00"
_MOST_BYTES = 1 << 18


class Transcript:
    """The messages of both sides, in order."""

    def __init__(self) -> None:
        self._messages = bytearray()

    def add(self, message: bytes) -> bool:
        """Add a whole message, header included; False when there are more than any handshake has."""
        self._messages += message
        return len(self._messages) <= _MOST_BYTES

    def retried(self, suite: Suite) -> None:
        """A HelloRetryRequest follows: the first ClientHello counts by its hash alone."""
        self._messages = bytearray(_MESSAGE_HASH + bytes([suite.hash_bytes]) + self._hash(suite))

    def finished(self, suite: Suite, secret: bytes) -> bytes:
        """What the Finished must hold of the side with that handshake secret, if it came now."""
        key = expand(suite, secret, "finished", suite.hash_bytes)
        return hmac.digest(key, self._hash(suite), suite.hash.name)

    def _hash(self, suite: Suite) -> bytes:
        digest = hashes.Hash(suite.hash())
        digest.update(bytes(self._messages))
        return digest.finalize()
