"""Key files: mode 0600, whole or absent. It never prints what is in them."""

import os
from collections.abc import Callable
from pathlib import Path

from cloud_stub.errors import KeyFileError


def private_directory(directory: Path) -> None:
    """Make a directory of mode 0700 unless there is one. Raises KeyFileError when it cannot be made."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{directory}: {error.strerror}; name a directory that can be written") from error


def keep(path: Path, make: Callable[[], bytes]) -> bytes:
    """Read a key file, after making it if there is none.

    Raises:
        KeyFileError: others can read it, or it cannot be read or made.
    """
    content = read_private(path)
    if content is None:
        content = make()
        try:
            write_private(path, content)
        except OSError as error:
            raise KeyFileError(f"{path}: {error.strerror}; the cloud must own this file") from error
    return content


def read_private(path: Path) -> bytes | None:
    """Read a key file; None where there is none. Raises KeyFileError as `keep` does."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise KeyFileError(f"{path}: others can read it; run: chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; the cloud must own this file") from error


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is either whole or absent, whenever the power goes. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a rename or a removal in the directory survive a power cut."""
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_public(path: Path, content: bytes) -> None:
    """Write a file that others may read and that is either whole or absent. Raises KeyFileError."""
    try:
        write_private(path, content)
        path.chmod(0o644)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; the cloud must own this directory") from error
