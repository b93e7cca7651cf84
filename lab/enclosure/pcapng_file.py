"""Writes pcapng: one Ethernet interface, nanoseconds, and which way each packet went."""

import struct
from pathlib import Path

_INBOUND, _OUTBOUND = 1, 2


class PcapngFile:
    """A capture at `path`, written as packets come; `close` adds what was counted."""

    def __init__(self, path: Path, interface: str) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        self._block(
            1, struct.pack("<HHI", 1, 0, 0) + _option(2, interface.encode()) + _option(9, b"\x09") + bytes(4)
        )

    def write(self, frame: bytes, time_ns: int, *, outbound: bool, length: int) -> None:
        """Add a packet of `length` bytes of which `frame` was kept; time_ns: Unix."""
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(frame), length)
        way = _option(2, struct.pack("<I", _OUTBOUND if outbound else _INBOUND)) + bytes(4)
        self._block(6, head + frame + bytes(-len(frame) % 4) + way)

    def close(self, received: int, dropped: int, time_ns: int) -> None:
        """Add how many packets came and how many of these were lost, and close."""
        head = struct.pack("<III", 0, time_ns >> 32, time_ns & 0xFFFFFFFF)
        counts = _option(4, struct.pack("<Q", received)) + _option(5, struct.pack("<Q", dropped)) + bytes(4)
        self._block(5, head + counts)
        self._file.close()

    def _block(self, kind: int, body: bytes) -> None:
        length = struct.pack("<I", 12 + len(body))
        self._file.write(struct.pack("<I", kind) + length + body + length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
