"""The time that keys are destroyed by: the wall clock, for as long as it goes on evenly.

A clock that leaps is not believed before it has stood by it for a while of running time; what is destroyed
can't be brought back, and what is destroyed late is only late. It never says what time it is to anybody else.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from cloud_stub.errors import KeyFileError
from cloud_stub.private_files import keep, write_private

WRITE_EVERY = timedelta(minutes=1)
"""At most so much running time is forgotten by a restart."""


class _Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    believed: Annotated[datetime, msgspec.Meta(tz=True)]
    doubted_s: Annotated[float, msgspec.Meta(ge=0)] | None


class SteadyClock:
    """Believes the wall clock while it agrees with the running time within `leap`; otherwise goes on with the
    running time, until the wall clock has been elsewhere for `patience` of it. Remembers both at `path`.

    running: seconds that never jump, from any beginning. Without a memory it starts from `first`, the latest
    time known to have been, or from the wall clock.

    Raises:
        KeyFileError: what it remembers is damaged, or cannot be read or written; from `at`, too.
    """

    def __init__(
        self,
        path: Path,
        leap: timedelta,
        patience: timedelta,
        first: datetime | None,
        running: Callable[[], float],
    ) -> None:
        self._path = path
        self._leap = leap
        self._patience = patience
        self._running = running
        self._last = running()
        self._believed, self._doubted = first, None
        self._written: datetime | None = None
        if path.exists():
            self._believed, self._doubted = _read(path)
            self._written = self._believed

    def at(self, now: datetime) -> datetime:
        """Return the time to destroy by: not later than the wall clock says, nor than what is believed."""
        running = self._running()
        passed, self._last = timedelta(seconds=running - self._last), running
        expected = now if self._believed is None else self._believed + passed
        if abs(now - expected) <= self._leap:
            self._doubted = None
        else:
            self._doubted = timedelta() if self._doubted is None else self._doubted + passed
            if self._doubted >= self._patience:
                self._doubted = None
        self._believed = now if self._doubted is None else expected
        self._remember(self._believed)
        return min(now, self._believed)

    def _remember(self, believed: datetime) -> None:
        if self._written is not None and abs(believed - self._written) < WRITE_EVERY:
            return
        doubted_s = None if self._doubted is None else self._doubted.total_seconds()
        try:
            write_private(self._path, msgspec.json.encode(_Memory(1, believed, doubted_s)))
        except OSError as error:
            what = f"{self._path}: {error.strerror}; the cloud must own this directory"
            raise KeyFileError(what) from error
        self._written = believed


def _read(path: Path) -> tuple[datetime, timedelta | None]:
    try:
        held = msgspec.json.decode(keep(path, bytes), type=_Memory)
    except msgspec.MsgspecError as error:
        raise KeyFileError(f"{path}: not a time; move it away to go by the newest key's") from error
    doubted = None if held.doubted_s is None else timedelta(seconds=held.doubted_s)
    return held.believed, doubted
