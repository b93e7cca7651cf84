"""Passwords as argon2id hashes, seeds of codes sealed under the folder's key, papers as plain hashes. No
secret in the clear is ever written.
"""

import hashlib
import os
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from cloud_stub.errors import KeyFileError, PersonError
from cloud_stub.private_files import keep

SHORTEST = 12
_COMMON = frozenset(
    {"password1234", "123456789012", "qwertyuiop12", "letmeinletmein", "administrator", "iloveyou1234"}
)
_HASHER = PasswordHasher()
_NOBODYS = _HASHER.hash("nobody has this password")


def hashed(password: str, name: str) -> str:
    """An argon2id hash. Raises PersonError for a password that others would guess."""
    low = password.lower()
    if len(password) < SHORTEST or low in _COMMON or name.lower() in low or len(set(password)) < 5:
        raise PersonError(
            f"password of {name}: too easy; take {SHORTEST} characters or more, not the name, nothing common"
        )
    return hashed_anew(password)


def hashed_anew(password: str) -> str:
    """An argon2id hash of a password that is theirs already, whatever the rules are today."""
    return _HASHER.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Whether it is the password; as much work for somebody who is not there."""
    try:
        found = _HASHER.verify(stored or _NOBODYS, password)
    except (Argon2Error, InvalidHashError):
        return False
    return found and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with less work than is usual now."""
    return _HASHER.check_needs_rehash(stored)


def paper_hash(code: str) -> bytes:
    """Of a code on paper; 80 random bits need no slow hash."""
    return hashlib.sha256(b"overheard/v1/paper\0" + code.replace("-", "").strip().lower().encode()).digest()


class SeedKey:
    """The 32-byte key in `path` (0600, made on first use) that seals seeds. Raises KeyFileError."""

    def __init__(self, path: Path) -> None:
        key = keep(path, lambda: os.urandom(32))
        if len(key) != 32:
            raise KeyFileError(f"{path}: not a key of people; restore it, or everybody enrols anew")
        self._cipher = ChaCha20Poly1305(key)
        self._path = path

    def seal(self, seed: str, person: str) -> bytes:
        """nonce | ciphertext, good for this person alone."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, seed.encode(), person.encode())

    def open(self, sealed: bytes, person: str) -> str:
        """What `seal` was given. Raises KeyFileError when another key, or for another person, sealed it."""
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], person.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise KeyFileError(
                f"{self._path}: not the key of these people; restore the one it was"
            ) from error
