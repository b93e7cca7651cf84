"""Who is examined: the settings, the clock, and whether its firmware runs. It looks and takes nothing."""

import fcntl
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from device.config import Config
from device.credentials import find_secret
from device.errors import DeviceError
from device.keys import Identity, is_new, load_or_make
from device.mute import MuteMemory
from device.trust import CloudKeys, Trust
from hardware.board import Board

NOTE_S = 5.0
"""So long the cloud's keys note may take: the broker has it, so it comes at once or not at all."""

_LOCKS = Path("/proc/locks")


class Subject(NamedTuple):
    """What every check is given."""

    config: Config
    now: datetime
    open_board: Callable[[Config], Board]
    note_s: float = NOTE_S

    @property
    def state(self) -> Path:
        """The state directory."""
        return Path(self.config.device.state_dir)

    @property
    def outbox(self) -> Path:
        """The file of the outbox and the ledger."""
        return self.state / "egress.db"

    @property
    def remembers_mute(self) -> bool:
        """Whether it is muted from afar, or does not know; a device that was never started is not."""
        return not is_new(self.state) and MuteMemory(self.state, first_run=False).on

    @property
    def firmware_runs(self) -> bool:
        """Whether a firmware holds the outbox, as the kernel's lock on it says."""
        try:
            own = os.open(self.outbox, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(own, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(own)
        return False

    @property
    def firmware_pid(self) -> int | None:
        """The process that holds it, where the kernel tells."""
        try:
            inode = self.outbox.stat().st_ino
            held = [line.split() for line in _LOCKS.read_text().splitlines()]
        except OSError:
            return None
        pids = [int(lock[4]) for lock in held if lock[1] == "FLOCK" and lock[5].endswith(f":{inode}")]
        return next((pid for pid in pids if pid > 0), None)

    def identity(self) -> Identity | None:
        """Return the device's keys, or None before its first start, which makes them.

        Raises:
            KeyFileError: they are damaged, or others can read them.
        """
        if is_new(self.state) or not find_secret(self.state / "reply.key").exists():
            return None
        return load_or_make(self.state, self.config.privacy.reader_suite)

    def trust(self) -> Trust:
        """Return whom the device believes. Raises ConfigError."""
        first = self.config.cloud.keys
        return Trust(self.config.cloud.root, self.state / "keys.note", Path(first) if first else None)

    def cloud_keys(self) -> CloudKeys | None:
        """Return the cloud's keys as the device knows them, valid or not."""
        try:
            return self.trust().known
        except DeviceError:
            return None
