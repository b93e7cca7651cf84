"""What capture files are made of: records, faults, and a window of bytes over a file of any size."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lab.audit.errors import Damaged

_AT_ONCE = 4 << 20
LONGEST = 16 << 20
"""No packet and no block is longer: what says so is damage."""


class Record(NamedTuple):
    """A packet as a file holds it. number: from 1; time_ns: Unix; link: a LINKTYPE; length: on the wire."""

    number: int
    time_ns: int
    link: int
    data: bytes
    length: int


class Faults(list[tuple[str, int]]):
    """What is wrong with a capture, and at which packet (0: with all of it); the first thousand."""

    def add(self, what: str, number: int = 0) -> None:
        """Note a fault."""
        if len(self) < 1000:
            self.append((what, number))


class Blocks:
    """A file as a window of bytes: `data` from `at` on."""

    def __init__(self, file: BinaryIO, path: Path, progress: Callable[[int, int], None]) -> None:
        self._file = file
        self._size = path.stat().st_size
        self._progress = progress
        self._read = 0
        self.data = b""
        self.at = 0

    def more(self, count: int) -> bool:
        """Whether there are so many bytes more, now in `data`."""
        if len(self.data) - self.at >= count:
            return True
        fresh = self._file.read(max(_AT_ONCE, count))
        self._read += len(fresh)
        self._progress(self._read, self._size)
        self.data = self.data[self.at :] + fresh
        self.at = 0
        return len(self.data) >= count

    def look(self, count: int) -> bytes:
        """The next bytes, or fewer at the end."""
        self.more(count)
        return self.data[self.at : self.at + count]

    def take(self, count: int, what: str) -> bytes:
        """The next bytes. Raises Damaged where there are fewer."""
        if count > LONGEST:
            raise Damaged(what, f"says it is {count} bytes long: a broken file")
        if not self.more(count):
            raise Damaged(what, "the file ends within it")
        self.at += count
        return self.data[self.at - count : self.at]

    def left(self) -> bool:
        """Whether anything is left."""
        return self.more(1)
