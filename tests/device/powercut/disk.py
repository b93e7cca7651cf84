"""A disk that is rebuilt, write by write, from what record.c saw, and shown as a power cut may leave it.

It knows less than a real disk and is worse than one: a name is on it when its folder was synced, bytes are on
it when their file was; of everything else any part may be there, in pieces of 512 bytes, or none.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

SECTOR = 512
FOLDER = 0
HEAD = struct.Struct("<cIqI")
WAYS = ("written", "synced", "torn")

Files = dict[str, bytes]


class Record(NamedTuple):
    """One call: what it did to which file, where, and with what."""

    op: str
    file: int
    offset: int
    data: bytes


def read(log: Path) -> Iterator[Record]:
    """Yield what was recorded, in order."""
    data, at = log.read_bytes(), 0
    while at < len(data):
        op, file, offset, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        yield Record(op.decode(), file, offset, data[at : at + length])
        at += length


class _File:
    def __init__(self) -> None:
        self.now, self.durable = bytearray(), bytearray()
        self.pending: list[Record] = []

    def apply(self, record: Record) -> None:
        _change(self.now, record)
        self.pending.append(record)

    def sync(self) -> None:
        for record in self.pending:
            _change(self.durable, record)
        self.pending.clear()

    def torn(self, random: Random) -> bytes:
        content, chance = bytearray(self.durable), random.choice((0.1, 0.5, 0.9))
        for record in self.pending:
            for piece in _pieces(record):
                if random.random() < chance:
                    _change(content, piece)
        return bytes(content)


class Disk:
    """The folder as it is, and as much of it as is durable."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._durable: dict[str, int] = {}
        self._pending: list[Record] = []
        self._files: dict[int, _File] = {}

    def apply(self, record: Record) -> None:
        """Do what a call did."""
        if record.op in "WT":
            self._files[record.file].apply(record)
        elif record.op == "S" and record.file != FOLDER:
            self._files[record.file].sync()
        elif record.op == "S":
            self._durable = dict(self._names)
            self._pending.clear()
        else:
            self._files.setdefault(record.file, _File())
            _rename(self._names, record)
            self._pending.append(record)

    def left(self, way: str, random: Random) -> Files:
        """Return what a power cut leaves: all that was `written`, only what was `synced`, or that and a part
        of the rest, `torn`.
        """
        if way == "written":
            return {name: bytes(self._files[file].now) for name, file in self._names.items()}
        if way == "synced":
            return {name: bytes(self._files[file].durable) for name, file in self._durable.items()}
        names = dict(self._durable)
        for record in self._pending[: random.randint(0, len(self._pending))]:
            _rename(names, record)
        return {name: self._files[file].torn(random) for name, file in names.items()}


def _change(content: bytearray, record: Record) -> None:
    if record.op == "T":
        del content[record.offset :]
        content.extend(bytes(record.offset - len(content)))
    else:
        content.extend(bytes(max(0, record.offset - len(content))))
        content[record.offset : record.offset + len(record.data)] = record.data


def _rename(names: dict[str, int], record: Record) -> None:
    if record.op == "C":
        names[record.data.decode()] = record.file
    elif record.op == "U":
        names.pop(record.data.decode(), None)
    else:
        old, new = record.data.decode().split("\0")
        names[new] = names.pop(old)


def _pieces(record: Record) -> Iterator[Record]:
    if record.op == "T":
        yield record
        return
    end, at = record.offset + len(record.data), record.offset
    while at < end:
        to = min(end, (at // SECTOR + 1) * SECTOR)
        yield Record("W", record.file, at, record.data[at - record.offset : to - record.offset])
        at = to
