"""Capture files: pcap and pcapng to records, in one pass, a few megabytes at a time.

draft-ietf-opsawg-pcap (both byte orders, microseconds and nanoseconds) and draft-ietf-opsawg-pcapng. Whatever
a file says of itself is bounded before it is believed.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.audit.capture import pcapng
from lab.audit.capture.blocks import LONGEST, Blocks, Faults, Record
from lab.audit.errors import Damaged

_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1),
}  # fmt: skip


class Source:
    """The records of the file at `path`; `faults` and `secrets` (key logs inside of a pcapng) fill meanwhile.

    progress: told bytes read and bytes in all.
    """

    def __init__(
        self, path: Path, faults: Faults, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> None:
        self._path = path
        self._faults = faults
        self._progress = progress
        self.secrets: list[bytes] = []

    def __iter__(self) -> Iterator[Record]:
        """Yield every record.

        Raises:
            Damaged: it is no capture, or says what cannot be.
        """
        try:
            with self._path.open("rb") as file:
                blocks = Blocks(file, self._path, self._progress)
                magic = bytes(blocks.look(4))
                if magic in _PCAP:
                    yield from self._pcap(blocks, *_PCAP[magic])
                elif magic == pcapng.MAGIC:
                    yield from pcapng.records(blocks, self._faults, self.secrets)
                else:
                    raise Damaged(self._path.name, "not a capture: neither pcap nor pcapng")
        except OSError as error:
            raise Damaged(self._path.name, f"cannot be read ({error.strerror})") from error

    def _pcap(self, blocks: Blocks, order: str, scale: int) -> Iterator[Record]:
        head = blocks.take(24, "the file's header")
        link = struct.unpack_from(order + "I", head, 20)[0] & 0xFFFF
        unpack = struct.Struct(order + "IIII").unpack_from
        number = 0
        while blocks.more(16):
            number += 1
            seconds, fraction, kept, length = unpack(blocks.data, blocks.at)
            if kept > LONGEST or length > LONGEST:
                raise Damaged(f"packet {number}", f"says it is {max(kept, length)} bytes long: a broken file")
            if not blocks.more(16 + kept):
                break
            start = blocks.at + 16
            data = blocks.data[start : start + kept]
            blocks.at = start + kept
            yield Record(number, seconds * 1_000_000_000 + fraction * scale, link, data, length)
        if blocks.left():
            self._faults.add("the file ends within a packet", number)
