"""Whether the speaker is muted, remembered over restarts. Unknown means muted.

Two things mute: the switch (a hand on the device; its position is read, not remembered) and a remote or
spoken wish (remembered here, on disk, before anybody is told that it is so). Only moving the switch undoes
the second.
"""

from pathlib import Path

from device.errors import StorageError
from device.keys import write_private

_MUTED, _OPEN = b"muted\n", b"open\n"


class MuteMemory:
    """The remembered wish, in `directory`/mute."""

    def __init__(self, directory: Path, *, first_run: bool) -> None:
        """Read what was remembered; only a first run may find nothing and not be muted.

        Raises:
            StorageError: the disk refuses.
        """
        self._path = directory / "mute"
        if first_run and not self._path.exists():
            self._write(_OPEN)
        self.on = self._read() != _OPEN

    def set(self, on: bool) -> None:
        """Remember `on`; returns once it is on disk.

        Raises:
            StorageError: the disk refuses; what was remembered stands.
        """
        self._write(_MUTED if on else _OPEN)
        self.on = on

    def _write(self, wish: bytes) -> None:
        try:
            write_private(self._path, wish)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}; make room in the state directory") from error

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError:
            return _MUTED
