"""What a process has in memory, read through /proc. It changes nothing of it.

Read is every mapping that can be written, and every one that is of no file, whoever may read it; pages that
were never touched are left out. Swapped pages are read too: the kernel brings them in.
"""

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from lab.errors import RunError

_PAGE = os.sysconf("SC_PAGE_SIZE")
_THERE = 0b11 << 62
"""Of a page's entry in pagemap: in memory, or in swap."""
_NOT_MEMORY = ("[vvar", "[vdso]", "[vsyscall]")


class Piece(NamedTuple):
    """Bytes that a process holds, and where."""

    name: str
    address: int
    data: bytes


class _Mapping(NamedTuple):
    first: int
    end: int
    permissions: str
    name: str

    @property
    def counts(self) -> bool:
        """Whether sound could be put there by the process: code and constants of files are not written."""
        of_no_file = not self.name.startswith("/")
        return ("w" in self.permissions or of_no_file) and not self.name.startswith(_NOT_MEMORY)


def pieces(pid: int) -> Iterator[Piece]:
    """Yield what a process holds, one piece for every run of pages that are there.

    Raises:
        RunError: it may not be read by who runs this.
    """
    try:
        with (
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory,
            open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap,
        ):
            for mapping in _mappings(pid):
                if mapping.counts:
                    yield from _touched(mapping, memory.fileno(), pagemap.fileno())
    except PermissionError as error:
        raise RunError(
            f"process {pid}: its memory may not be read; run it as the same user, or root"
        ) from error


def _mappings(pid: int) -> list[_Mapping]:
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
        return [_mapping(line) for line in file]


def _mapping(line: str) -> _Mapping:
    addresses, permissions, _offset, _device, _inode, *name = line.rstrip("\n").split(None, 5)
    first, end = (int(address, 16) for address in addresses.split("-"))
    return _Mapping(first, end, permissions, name[0] if name else "anonymous")


def _touched(mapping: _Mapping, memory: int, pagemap: int) -> Iterator[Piece]:
    for first, end in _runs(mapping, pagemap):
        data = _read(memory, first, end)
        if data.strip(b"\0"):
            yield Piece(mapping.name, first, data)


def _runs(mapping: _Mapping, pagemap: int) -> Iterator[tuple[int, int]]:
    pages = (mapping.end - mapping.first) // _PAGE
    entries = os.pread(pagemap, 8 * pages, mapping.first // _PAGE * 8)
    began: int | None = None
    for nth, (entry,) in enumerate(struct.iter_unpack("=Q", entries)):
        at = mapping.first + nth * _PAGE
        if entry & _THERE and began is None:
            began = at
        elif not entry & _THERE and began is not None:
            yield began, at
            began = None
    if began is not None:
        yield began, mapping.end


def _read(memory: int, first: int, end: int) -> bytes:
    """Bytes of a run of pages; those that the kernel gives to nobody are zeros."""
    read = bytearray()
    while first + len(read) < end:
        at = first + len(read)
        try:
            part = os.pread(memory, end - at, at)
        except OSError:
            part = b""
        read += part or bytes(min(_PAGE - at % _PAGE, end - at))
    return bytes(read)
