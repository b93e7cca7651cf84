"""A disk that is full, for the tests beside this file: by the kernel's limit on the size of a file, which
needs no privilege, and as a filesystem of its own, which needs root.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Limit:
    """The largest file that this process may write."""

    def __init__(self) -> None:
        self._soft, self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def set(self, size: int) -> None:
        """From now on no file grows beyond `size`."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, self._hard))

    def lift(self) -> None:
        """There is room again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._soft, self._hard))


@contextmanager
def limit() -> Iterator[Limit]:
    """A limit that may be set meanwhile, and is lifted in the end."""
    found = Limit()
    try:
        yield found
    finally:
        found.lift()


@contextmanager
def a_small_disk(place: Path, size: int) -> Iterator[None]:
    """A filesystem of its own at `place`; skips the test where that needs a root that this is not."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> Path:
    """Fill the disk at `place` to its last byte; return the file to delete."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (4096, 1):
            while _took(file.fileno(), size):
                pass
    return ballast


def _took(handle: int, size: int) -> bool:
    try:
        return os.write(handle, bytes(size)) == size
    except OSError:
        return False
