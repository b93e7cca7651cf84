"""Which recordings are drawn. Pure: whoever holds the key draws the same again, and can check every draw."""

import hashlib
import hmac

from cloud_stub.whose import Whose

KEY_BYTES = 32
_DRAW = b"overheard/v1/draw\0"
_SECOND = b"overheard/v1/second\0"


def is_drawn(key: bytes, whose: Whose, share: float) -> bool:
    """Whether an utterance is one of the `share` (0 to 1) that is drawn."""
    return _chance(key, _DRAW, whose) < share


def hears_two(key: bytes, whose: Whose, share: float) -> bool:
    """Whether a drawn one goes to two people: `share` of those, drawn apart from the first draw."""
    return _chance(key, _SECOND, whose) < share


def _chance(key: bytes, domain: bytes, whose: Whose) -> float:
    """Evenly in [0, 1): the first 53 bits, so that it is never rounded up to 1."""
    message = domain + whose.device.encode() + b"\0" + whose.utterance.encode()
    return (int.from_bytes(hmac.digest(key, message, hashlib.sha256)[:8], "big") >> 11) / 2**53
