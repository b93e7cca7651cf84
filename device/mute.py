"""Whether the speaker is muted, remembered over restarts. Unknown means muted.

Two things mute: the switch (a hand on the device; its position is read, not remembered) and a remote or
spoken wish (remembered here, on disk, before anybody is told that it is so). Only moving the switch undoes
the second.
"""

from contextlib import suppress
from pathlib import Path

from device.errors import DiskError
from device.keys import write_private

_MUTED, _OPEN = b"muted\n", b"open\n"


class MuteMemory:
    """The remembered wish, in `directory`/mute."""

    def __init__(self, directory: Path, *, first_run: bool) -> None:
        """Read what was remembered; only a first run may find nothing and not be muted.

        Raises:
            DiskError: the disk refuses.
        """
        self._path = directory / "mute"
        if first_run and not self._path.exists():
            self._write(_OPEN)
        self.on = self._read() != _OPEN
        self._on_disk = False

    def set(self, on: bool) -> None:
        """Remember `on`; returns once it is on disk. What is there already is not written again: a flood of
        remote wishes must not keep the disk busy.

        Raises:
            DiskError: the disk refuses. It holds until the power goes; then muted is what is remembered, if a
                file can be deleted there at all.
        """
        if self._on_disk and on == self.on:
            return
        self.on, self._on_disk = on, False
        try:
            self._write(_MUTED if on else _OPEN)
        except DiskError:
            if on:
                with suppress(OSError):
                    self._path.unlink(missing_ok=True)  # unknown means muted, and needs no room
            raise
        self._on_disk = True

    def _write(self, wish: bytes) -> None:
        try:
            write_private(self._path, wish)
        except OSError as error:
            raise DiskError(f"{self._path}: {error.strerror}; make room in the state directory") from error

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError:
            return _MUTED
