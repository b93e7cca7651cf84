"""What would be left of an utterance that was not really deleted: its keys, in every way they are written,
and the random bytes of its messages. Pure.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from device.envelope import Begin
from lab.audit.evidence import Sent

_SEGMENTS_DOMAIN = b"overheard/v1/segments\0"
_WORD = 8


def keys_of(begin: Begin, data_key: bytes, vault_keys: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """What an utterance is opened with, as bytes, hex and base64; wrapped, too, where a vault's key is
    known, as RFC 3394 wraps in the same way each time. Yields a name and bytes to look for.
    """
    info = _SEGMENTS_DOMAIN + begin.header_hash
    keys = [
        ("data key", data_key),
        ("segment key", HKDFExpand(hashes.SHA256(), 76, info).derive(data_key)[:32]),
        *(("wrapped data key", aes_key_wrap(key, data_key)) for key in vault_keys if len(key) == 32),
    ]
    for name, key in keys:
        yield name, key
        yield f"{name} in hex", key.hex().encode()
        yield f"{name} in hex", key.hex().upper().encode()
        yield from ((f"{name} in base64", text) for text in _base64(key))


def _base64(key: bytes) -> Iterator[bytes]:
    """Its text wherever it begins in what is written, without the characters that it shares with others."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + key)
        inside = text[(before * 8 + 5) // 6 : -4]
        yield inside
        yield inside.translate(bytes.maketrans(b"+/", b"-_"))


def random_parts(sent: Sent, begin: Begin) -> Iterator[bytes]:
    """What no other utterance has in its messages: ciphertexts, wraps, hashes, signatures."""
    for message in sent.begins:
        yield from (message[-96:-64], message[-64:])
    yield from begin.wraps
    for segment in sent.segments:
        yield segment[4:]
        yield hashlib.sha256(segment).digest()
    for end in sent.ends:
        yield end[-64:]
    yield begin.header_hash


class Remnants:
    """Finds any 15 bytes in a row of some random bytes, and often fewer."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        words = [np.frombuffer(part, "<u8", len(part) // _WORD) for part in parts]
        self._words = np.unique(np.concatenate(words)) if words else np.zeros(0, np.uint64)

    def first_in(self, data: bytes) -> int | None:
        """Where the first of them is; None where there is none."""
        found = [at for phase in range(_WORD) if (at := self._first(data, phase)) is not None]
        return min(found, default=None)

    def _first(self, data: bytes, phase: int) -> int | None:
        count = (len(data) - phase) // _WORD
        if count <= 0 or not len(self._words):
            return None
        words = np.frombuffer(data, "<u8", count, phase)
        at = np.searchsorted(self._words, words).clip(max=len(self._words) - 1)
        hits = np.flatnonzero(self._words[at] == words)
        return phase + int(hits[0]) * _WORD if len(hits) else None
