"""Packets and capture files, byte by byte, for tests of who reads them."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

CLIENT, SERVER = bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1])
MACS = b"\x02\0\0\0\0\x01" + b"\x02\0\0\0\0\x02"
"""Destination, then source."""


class Kept(NamedTuple):
    """A packet as a file has it: its bytes, when (Unix ns), and how long it was if it was cut."""

    data: bytes
    time_ns: int = 1_700_000_000_000_000_000
    length: int = 0


def ethernet(body: bytes, kind: int = 0x0800, tags: bytes = b"", padding: bytes = b"") -> bytes:
    return MACS + tags + kind.to_bytes(2, "big") + body + padding


def ipv4(
    body: bytes, protocol: int = 6, fragment: int = 0, options: bytes = b"", back: bool = False
) -> bytes:
    ends = SERVER + CLIENT if back else CLIENT + SERVER
    words = 5 + len(options) // 4
    head = struct.pack(">BBHHHBBH", 0x40 | words, 0, 4 * words + len(body), 1, fragment, 64, protocol, 0)
    return head + ends + options + body


def ipv6(body: bytes, protocol: int = 17, extensions: bytes = b"") -> bytes:
    ends = bytes(15) + b"\x02" + bytes(15) + b"\x01"
    return struct.pack(">IHBB", 6 << 28, len(extensions + body), protocol, 64) + ends + extensions + body


def tcp(sequence: int, data: bytes = b"", flags: int = 0x18, back: bool = False, port: int = 40000) -> bytes:
    ports = (8883, port) if back else (port, 8883)
    return struct.pack(">HHIIBBHHH", *ports, sequence & 0xFFFFFFFF, 0, 5 << 4, flags, 1000, 0, 0) + data


def udp(data: bytes, target: int, source: int = 40000) -> bytes:
    return struct.pack(">HHHH", source, target, 8 + len(data), 0) + data


def segment(sequence: int, data: bytes = b"", flags: int = 0x18, back: bool = False) -> bytes:
    """A whole frame of the connection that the tests talk about."""
    return ethernet(ipv4(tcp(sequence, data, flags, back), back=back))


def pcap(packets: Sequence[Kept | bytes], link: int = 1, order: str = "<", nano: bool = False) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    written = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link)
    for each in packets:
        kept = Kept(each) if isinstance(each, bytes) else each
        seconds, left = divmod(kept.time_ns, 1_000_000_000)
        fraction = left if nano else left // 1000
        length = kept.length or len(kept.data)
        written += struct.pack(order + "IIII", seconds, fraction, len(kept.data), length) + kept.data
    return written


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(packets: Sequence[Kept | bytes], link: int = 1, order: str = "<", options: bytes = b"") -> bytes:
    """With the resolution of microseconds, unless options say another."""
    written = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    written += block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)
    for each in packets:
        kept = Kept(each) if isinstance(each, bytes) else each
        ticks = kept.time_ns if options else kept.time_ns // 1000
        head = struct.pack(
            order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(kept.data), kept.length or len(kept.data)
        )
        written += block(6, head + kept.data, order)
    return written


NANOSECONDS = struct.pack("<HHB3x", 9, 1, 9) + struct.pack("<HH", 0, 0)
"""Options of an interface whose ticks are nanoseconds."""
