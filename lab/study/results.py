"""The folder of a study: its settings, and one line for each hearing that is done.

A line is written when its hearing is over, so a study that is ended in any way goes on where it was. Half a
line, which a crash may leave, is cut off. One process at a time writes.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from lab.study.errors import StudyError
from lab.study.records import Settings
from lab.study.work import Finished, Key

SETTINGS = "settings.json"
RESULTS = "results.jsonl"

_NEW = SETTINGS + ".new"
_SYNC_EVERY_S = 2.0  # a process that is killed loses no line; a machine that is, the lines of so long


class Results:
    """What is done so far, in memory and on disk. Use it as a context."""

    def __init__(self, out: Path, settings: Settings) -> None:
        """Open the folder of a study, or make it.

        Raises:
            StudyError: it was made with other settings, holds something else, or is in use.
        """
        self.cut = 0
        """How many bytes at the end were no whole line, and are gone."""
        self.done: dict[Key, Finished] = {}
        _make(out, settings)
        self._file: BinaryIO = (out / RESULTS).open("a+b")
        try:
            _lock(self._file, out)
            _adopt(out, settings)
            self._read()
        except BaseException:
            self._file.close()
            raise
        self._synced = monotonic()

    def append(self, finished: Finished) -> None:
        """Write a hearing down. Raises OSError: there is no room for it."""
        self._file.write(msgspec.json.encode(finished) + b"\n")
        self._file.flush()
        self.done[finished.key] = finished
        if monotonic() - self._synced > _SYNC_EVERY_S:
            self._sync()

    def is_done(self, key: Key) -> bool:
        """Whether a hearing need not be done again. One that broke is tried anew: its file may be mended."""
        return key in self.done and self.done[key].item.error is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = monotonic()

    def _read(self) -> None:
        end = 0
        for line, finished in _whole_lines(self._file):
            self.done[finished.key] = finished
            end += len(line)
        self.cut = self._file.seek(0, os.SEEK_END) - end
        self._file.truncate(end)


def _whole_lines(file: BinaryIO) -> Iterator[tuple[bytes, Finished]]:
    """Yield lines up to the first that is not whole, and what each says."""
    decoder = msgspec.json.Decoder(Finished)
    file.seek(0)
    for line in file:
        try:
            finished = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if not line.endswith(b"\n"):
            return
        yield line, finished


def _make(out: Path, settings: Settings) -> None:
    """Make the folder with its settings in it, or leave it as it is if it has some."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / SETTINGS
    if path.exists():
        return
    if any(each.name != _NEW for each in out.iterdir()):
        raise StudyError(f"{out}: not empty, and not a study; name a new folder")
    _write(out, settings)


def _write(out: Path, settings: Settings) -> None:
    with (out / _NEW).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(settings)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    (out / _NEW).rename(out / SETTINGS)


def _lock(file: BinaryIO, out: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StudyError(f"{out}: in use by another study; wait for it, or name a new folder") from error


def _adopt(out: Path, settings: Settings) -> None:
    """Go on with what was begun under equal settings; only rounds may be added."""
    path = out / SETTINGS
    try:
        earlier = msgspec.json.decode(path.read_bytes(), type=Settings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: {error}; name a new folder") from error
    for name in Settings.__struct_fields__:
        before, now = getattr(earlier, name), getattr(settings, name)
        if before != now and not (name == "rounds" and before < now):
            raise StudyError(
                f"{out}: a study with other {name} ({_text(before)}, now {_text(now)}); "
                "ask for the same again, or name a new folder"
            )
    if earlier != settings:
        _write(out, settings)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode() if not isinstance(value, str) else value
