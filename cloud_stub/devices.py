"""Which devices there are, and what was decided of each: one file a device. It holds no secret, and decides
nothing.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from cloud_stub.errors import NoDevice, StorageError
from cloud_stub.private_files import private_directory, write_private

State = Literal["waiting", "approved", "revoked"]


class Issued(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate that a device was given. `serial` is decimal: JSON readers lose long numbers."""

    serial: str
    key: str
    not_after: datetime
    pem: str
    revoked: bool = False


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device. `hardware` is the hash of its board's serial number, bound at its first request."""

    device: str
    state: State
    hardware: str | None
    first_asked: datetime
    last_asked: datetime
    certificates: tuple[Issued, ...] = ()
    other_board: datetime | None = None


class Devices:
    """The files in `directory` (0700)."""

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._directory = directory

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else changes any of them meanwhile: neither another thread nor another process."""
        with (self._directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def count(self) -> int:
        """How many there are, without looking at any."""
        return sum(1 for _ in self._directory.glob("ovh-*.json"))

    def all(self) -> list[Device]:
        """Every device, those that wait first. Raises StorageError for a file that is damaged."""
        found = [_read(path) for path in self._directory.glob("ovh-*.json")]
        order: tuple[State, ...] = ("waiting", "approved", "revoked")
        return sorted(found, key=lambda each: (order.index(each.state), each.first_asked, each.device))

    def find(self, device: str) -> Device | None:
        """The device of that id, if it is known. Raises StorageError."""
        path = self._path(device)
        return _read(path) if path.exists() else None

    def get(self, device: str) -> Device:
        """The device of that id. Raises NoDevice, StorageError."""
        found = self.find(device)
        if found is None:
            raise NoDevice(f"{device}: no such device; `overheard-cloud devices list` shows who has asked")
        return found

    def put(self, device: Device) -> None:
        """Remember a device, whole or as it was before. Raises StorageError."""
        path = self._path(device.device)
        try:
            write_private(path, msgspec.json.format(msgspec.json.encode(device)))
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}; make room for the cloud's files") from error

    def remove(self, device: str) -> None:
        """Forget a device. Raises StorageError."""
        try:
            self._path(device).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"{self._path(device)}: {error.strerror}; the cloud must own this file"
            ) from error

    def _path(self, device: str) -> Path:
        return self._directory / f"{device}.json"


def _read(path: Path) -> Device:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Device)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; the cloud must own this file") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise StorageError(
            f"{path}: damaged; restore it, or move it away and let the device ask again"
        ) from error
