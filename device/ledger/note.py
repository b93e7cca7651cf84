"""Signed notes as in C2SP signed-note: a text, a blank line, and Ed25519 signature lines under it.

It will never hand out text that no trusted key has signed, and it knows one signature type (0x01): lines by
other keys, and of other types, are ignored once they are well formed.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import NoteError

MAX_SIGNATURES = 100  # the specification wants a limit, of 16 or more; this is the Go implementation's
KEY_ID_BYTES = 4
ED25519 = b"\x01"

_UNFIT = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")  # control characters, and what is no UTF-8
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
_SIGNATURE_LINE = re.compile(rf"\u2014 ({_NAME.pattern}) ([A-Za-z0-9+/]+={{0,2}})")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A trusted key: its name and its 32 public bytes. Raises NoteError if either is misshapen."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise NoteError(
                f"key name {self.name!r}: empty, or with a space or a plus; use a name like a.example/b"
            )
        if len(self.public) != 32:
            raise NoteError(f"key {self.name}: {len(self.public)} bytes, not 32; give an Ed25519 public key")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `name+id+key` (hex id, base64 of type and key). Raises NoteError unless it is exactly that."""
        name, _, rest = vkey.partition("+")
        material = decode_base64(rest.partition("+")[2])
        verifier = cls(name, material[1:])
        if verifier.vkey != vkey:  # the id, the type, the alphabet and the case in one comparison
            raise NoteError(f"verifier key {name}: its id or type does not fit its key; copy it again, whole")
        return verifier

    @property
    def key_id(self) -> bytes:
        """Return the 4 bytes that name this key, with its name, on a signature line."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """Return the key as text; `parse` reads it back."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def verify(self, text: str, signature: bytes) -> None:
        """Check 64 signature bytes over a note's text. Raises NoteError if they are not this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature as error:
            raise NoteError(
                f"signed note: the signature of {self.name} is false; leave the text unread"
            ) from error


@dataclass(frozen=True, slots=True)
class Signer:
    """A named private key. Raises NoteError for a name that no note can carry."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        _ = self.verifier  # which checks the name

    @property
    def verifier(self) -> Verifier:
        """Return the public half."""
        return Verifier(self.name, self.key.public_key().public_bytes_raw())

    @property
    def vkey(self) -> str:
        """Return the public half as text, for Verifier.parse."""
        return self.verifier.vkey


class Signature(NamedTuple):
    """A line under a note: who is said to have signed, with which key, and what."""

    name: str
    key_id: bytes
    value: bytes


def sign(text: str, *signers: Signer) -> str:
    """Return the note of `text` under the signature of each signer, in their order.

    The same text and keys always give the same note. Raises NoteError for no signer or too many, or for text
    that does not end in a newline or holds other control characters.
    """
    if not text.endswith("\n") or _UNFIT.search(text):
        raise NoteError("note text: no newline at its end, or control characters in it; sign plain lines")
    if not 1 <= len(signers) <= MAX_SIGNATURES:
        raise NoteError(f"note: {len(signers)} signers; give 1 to {MAX_SIGNATURES}")
    return f"{text}\n" + "".join(_signature_line(signer, text) for signer in signers)


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> str:
    """Return the text of a note that at least one of `verifiers` has signed, final newline included.

    A false signature under a trusted name and key id refuses the whole note. To demand several signatures,
    open the note once for each. Raises NoteError, and says nothing of the text.
    """
    text, signatures = split_note(note)
    trusted = {(verifier.name, verifier.key_id, verifier) for verifier in verifiers}
    claims = [(key, s.value) for s in signatures for name, key_id, key in trusted if (name, key_id) == s[:2]]
    if not claims:
        raise NoteError("signed note: no signature by a trusted key; check the keys, or leave it unread")
    for verifier, value in claims:
        verifier.verify(text, value)
    return text


def decode_base64(text: str) -> bytes:
    """Decode standard base64, in its one canonical spelling. Raises NoteError for any other."""
    try:
        data = base64.b64decode(text)
    except ValueError as error:
        raise NoteError("base64: not base64; copy it again, whole") from error
    if base64.b64encode(data).decode() != text:  # alphabet, padding and stray bits in one comparison
        raise NoteError("base64: not the canonical spelling; copy it again, whole")
    return data


def _signature_line(signer: Signer, text: str) -> str:
    value = signer.verifier.key_id + signer.key.sign(text.encode())
    return f"\u2014 {signer.name} {base64.b64encode(value).decode()}\n"


def split_note(note: str | bytes) -> tuple[str, list[Signature]]:
    """Return the text of a note and its signature lines, none of them verified. Raises NoteError if it is no
    note.
    """
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError as error:
            raise NoteError("signed note: not UTF-8; ask for it again") from error
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or _UNFIT.search(note):
        raise NoteError("signed note: not a text, a blank line and signature lines; ask for it again")
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise NoteError(f"signed note: more than {MAX_SIGNATURES} signatures; ask for one with fewer")
    return text + "\n", [_signature(line) for line in signatures]


def _signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    value = decode_base64(match[2]) if match else b""
    if match is None or len(value) <= KEY_ID_BYTES:
        raise NoteError("signed note: a line under the text is no signature; ask for it again")
    return Signature(match[1], value[:KEY_ID_BYTES], value[KEY_ID_BYTES:])
