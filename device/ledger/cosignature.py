"""Cosignatures as in C2SP tlog-cosignature, of the Ed25519 kind (0x04): a witness says that, as of a time, a
head was the largest that it saw of a log, and consistent with all that it saw before.

It verifies and signs lines. Whether a head is consistent is for whoever cosigns to find out before.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import NoteError
from .note import KEY_ID_BYTES, MAX_SIGNATURES, Verifier, decode_base64, split_note

COSIGNATURE = b"\x04"
_TIME_BYTES = 8
_LATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's public key: its name and its 32 bytes. Raises NoteError if either is misshapen."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        Verifier(self.name, self.public)  # which checks both

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `name+id+key` (hex id, base64 of 0x04 and the key). Raises NoteError unless it is that."""
        name, _, rest = vkey.partition("+")
        cosigner = cls(name, decode_base64(rest.partition("+")[2])[1:])
        if cosigner.vkey != vkey:
            raise NoteError(f"witness key {name}: its id or type does not fit its key; copy it again, whole")
        return cosigner

    @property
    def key_id(self) -> bytes:
        """Return the 4 bytes that name this key, with its name, on a signature line."""
        return hashlib.sha256(self.name.encode() + b"\n" + COSIGNATURE + self.public).digest()[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """Return the key as text; `parse` reads it back."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(COSIGNATURE + self.public).decode()}"

    def seen(self, note: str | bytes) -> int:
        """Return when (POSIX seconds) this witness last cosigned `note`.

        Raises NoteError if it did not, or if a line in its name is false.
        """
        text, signatures = split_note(note)
        mine = [each.value for each in signatures if (each.name, each.key_id) == (self.name, self.key_id)]
        if not mine:
            raise NoteError(f"signed note: no cosignature of {self.name}; ask it for one")
        return max(self._verify(text, value) for value in mine)

    def _verify(self, text: str, value: bytes) -> int:
        at_s = int.from_bytes(value[:_TIME_BYTES], "big")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(value[_TIME_BYTES:], _signed(text, at_s))
        except InvalidSignature as error:
            raise NoteError(
                f"signed note: the cosignature of {self.name} is false; do not believe it"
            ) from error
        return at_s


def cosign(note: str, name: str, key: Ed25519PrivateKey, at_s: int) -> str:
    """Return `note` with one more line: `name`, by `key`, cosigns it at `at_s` (POSIX seconds).

    Raises NoteError for what is no note, has no room for another line, or for a time that there is not.
    """
    text, signatures = split_note(note)
    cosigner = Cosigner(name, key.public_key().public_bytes_raw())
    if len(signatures) >= MAX_SIGNATURES or not 0 <= at_s <= _LATEST:
        raise NoteError("signed note: no room for a cosignature, or no such time; ask for the head again")
    value = cosigner.key_id + at_s.to_bytes(_TIME_BYTES, "big") + key.sign(_signed(text, at_s))
    return f"{note}\u2014 {name} {base64.b64encode(value).decode()}\n"


def _signed(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()
