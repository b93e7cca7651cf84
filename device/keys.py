"""The keys of a device: made on first run, kept in files that nobody else can read, never sent.

`identity.key` signs what leaves; `reply.key` opens the answers sealed to this device. The device's
name is a hash of both public keys, so it is random, says nothing about the hardware, and certifies itself.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.credentials import find_secret, require_private
from device.envelope import EnvelopeError, ReaderKey, device_id
from device.errors import KeyFileError


class Identity(NamedTuple):
    """Who this device is: its name, the key it signs with, the key its answers are sealed to."""

    device: str
    signing: Ed25519PrivateKey
    reply: ReaderKey

    @property
    def public(self) -> bytes:
        """The 32 bytes of the Ed25519 public key."""
        return self.signing.public_key().public_bytes_raw()


def is_new(directory: Path) -> bool:
    """Whether no device has ever lived in `directory`: it has no identity yet."""
    return not find_secret(directory / "identity.key").exists()


def load_or_make(directory: Path, suite: str) -> Identity:
    """Read the keys in `directory`, making those that do not exist (files 0600, directory 0700).

    Whoever asks at the same time waits, and becomes the same device.

    Raises:
        KeyFileError: a key file is damaged, or readable by others, or there is no place for one.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{directory}: {error.strerror}; name another device.state_dir") from error
    with _alone(directory):
        seed = _keep(directory / "identity.key", lambda: Ed25519PrivateKey.generate().private_bytes_raw())
        reply = _keep(directory / "reply.key", lambda: ReaderKey.generate(suite).to_bytes())
    try:
        signing = Ed25519PrivateKey.from_private_bytes(seed)
    except ValueError as error:
        raise _damaged(directory / "identity.key") from error
    try:
        reply_key = ReaderKey.from_bytes(reply)
    except (EnvelopeError, UnsupportedAlgorithm) as error:
        raise _damaged(directory / "reply.key") from error
    name = device_id(signing.public_key().public_bytes_raw(), reply_key.public)
    return Identity(name, signing, reply_key)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """No other process makes keys here meanwhile. The kernel lets go of it with whoever dies."""
    try:
        folder = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise KeyFileError(f"{directory}: {error.strerror}; the firmware must own this folder") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _damaged(path: Path) -> KeyFileError:
    return KeyFileError(f"{path}: not a key; restore it, or move it away to become a new device")


def _keep(path: Path, make: Callable[[], bytes]) -> bytes:
    path = find_secret(path)
    try:
        if not path.exists():
            write_private(path, make())
        require_private(path)
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; the firmware must own this file") from error


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is either whole or absent, whenever the power goes."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(directory: Path) -> None:
    """Make a rename or a removal in the directory survive a power cut. Raises OSError."""
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
