"""Data keys at rest, wrapped under the vault's own key. It never writes a data key down."""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from cloud_stub.errors import KeyFileError
from cloud_stub.private_files import keep

KEY_BYTES = 32
NONCE_BYTES = 12
WORDS_DOMAIN = b"overheard/v1/words\0"
NOTES_DOMAIN = b"overheard/v1/notes\0"
PREPARED_DOMAIN = b"overheard/v1/prepared\0"


class VaultKey:
    """The 32-byte key in `path` (0600, made on first use) that wraps every data key (RFC 3394, AES-256).

    Raises:
        KeyFileError: the file is damaged, or readable by others.
    """

    def __init__(self, path: Path) -> None:
        self._key = keep(path, lambda: os.urandom(KEY_BYTES))
        if len(self._key) != KEY_BYTES:
            raise KeyFileError(f"{path}: not a vault key; restore it, without it no recording can be opened")
        self._path = path

    def wrap(self, data_key: bytes) -> bytes:
        """40 bytes for 32."""
        return aes_key_wrap(self._key, data_key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """What `wrap` was given. Raises KeyFileError when another vault key wrapped it."""
        try:
            return aes_key_unwrap(self._key, wrapped)
        except InvalidUnwrap as error:
            raise KeyFileError(
                f"{self._path}: not the key of this vault; restore the one it was made with"
            ) from error


def seal_words(data_key: bytes, words: bytes, nonce: bytes, domain: bytes = WORDS_DOMAIN) -> bytes:
    """What belongs to an utterance under its data key, so that it goes when that goes: nonce | ciphertext.

    nonce: 12 random bytes. domain: what it is; another does not open it.
    """
    return nonce + _cipher(data_key, domain).encrypt(nonce, words, None)


def open_words(data_key: bytes, sealed: bytes, domain: bytes = WORDS_DOMAIN) -> bytes:
    """What `seal_words` sealed. Raises InvalidTag when it was altered."""
    if len(sealed) < NONCE_BYTES:
        raise InvalidTag
    return _cipher(data_key, domain).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)


def _cipher(data_key: bytes, domain: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDFExpand(hashes.SHA256(), KEY_BYTES, domain).derive(data_key))
