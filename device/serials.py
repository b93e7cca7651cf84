"""The serial of the last command that was believed, over restarts: what was sent once is obeyed once.

It is on disk before the command is obeyed. It never forgets, and never believes an older one.
"""

import re
from pathlib import Path

from device.errors import StorageError
from device.keys import write_private


class Serials:
    """The memory at `path`; while there is none, any serial is believed."""

    def __init__(self, path: Path) -> None:
        """Read what was remembered.

        Raises:
            StorageError: it cannot be read, or is no serial.
        """
        self._path = path
        self._last = -1
        try:
            held = path.read_bytes() if path.exists() else None
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}; the firmware must own this file") from error
        if held is not None:
            if not re.fullmatch(rb"[0-9]{1,16}\n", held):
                raise StorageError(f"{path}: not a serial; move it away: old commands then count once more")
            self._last = int(held)

    def is_new(self, serial: int) -> bool:
        """Say whether no command with this serial, or a later one, was believed yet."""
        return serial > self._last

    def remember(self, serial: int) -> bool:
        """Say whether it is on disk now; if not, what was remembered stands."""
        try:
            write_private(self._path, b"%d\n" % serial)
        except OSError:
            return False
        self._last = serial
        return True
