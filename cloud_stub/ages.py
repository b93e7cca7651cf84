"""For how long the cloud has run since it first saw each of its reader keys, over restarts.

A wall clock may say anything; running time cannot leap. It never says what time it is, and destroys nothing.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from cloud_stub.errors import KeyFileError
from cloud_stub.private_files import keep, write_private

WRITE_EVERY_S = 60.0
"""At most so much running time is forgotten by a restart."""

_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class _Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    ran_s: dict[str, _Seconds]


class Ages:
    """The ages of keys in running time, remembered at `path`. A key that was never seen begins at nothing.

    running: seconds that never jump, from any beginning.

    Raises:
        KeyFileError: what it remembers is damaged, or cannot be read or written; from `of`, too.
    """

    def __init__(self, path: Path, running: Callable[[], float]) -> None:
        self._path = path
        self._running = running
        self._last = self._written = running()
        self._ran_s = _read(path) if path.exists() else {}

    def of(self, keys: Collection[str]) -> Mapping[str, timedelta]:
        """Return the age of each of these keys, and forget all others."""
        now = self._running()
        passed, self._last = now - self._last, now
        self._ran_s = {key: self._ran_s[key] + passed if key in self._ran_s else 0.0 for key in keys}
        if now - self._written >= WRITE_EVERY_S:
            self._remember()
            self._written = now
        return {key: timedelta(seconds=ran_s) for key, ran_s in self._ran_s.items()}

    def _remember(self) -> None:
        try:
            write_private(self._path, msgspec.json.encode(_Memory(1, self._ran_s)))
        except OSError as error:
            what = f"{self._path}: {error.strerror}; the cloud must own this directory"
            raise KeyFileError(what) from error


def _read(path: Path) -> dict[str, float]:
    try:
        return msgspec.json.decode(keep(path, bytes), type=_Memory).ran_s
    except msgspec.MsgspecError as error:
        raise KeyFileError(f"{path}: not the ages of keys; move it away to count them anew") from error
