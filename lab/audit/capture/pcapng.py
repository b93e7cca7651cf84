"""The blocks of a pcapng: sections, interfaces, packets, decryption secrets; every other is passed over."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lab.audit.capture.blocks import LONGEST, Blocks, Faults, Record
from lab.audit.errors import Damaged

MAGIC = b"\x0a\x0d\x0d\x0a"

_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED, _SECRETS = 1, 2, 3, 6, 10
_PACKETS = frozenset({_OLD_PACKET, _SIMPLE, _ENHANCED})
_TLS_KEYS = 0x544C534B
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_RESOLUTION, _OFFSET = 9, 14


class _Interface(NamedTuple):
    """A link type, how many bytes of a packet are kept, nanoseconds a tick (as a fraction), seconds added."""

    link: int
    kept: int
    numerator: int
    denominator: int
    offset_s: int


class _Section:
    """What a section says: its byte order and its interfaces."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.interfaces: list[_Interface] = []
        self.packet = struct.Struct(order + "IIIII").unpack_from
        self.old = struct.Struct(order + "HHIIII").unpack_from

    def interface(self, index: int, where: str) -> _Interface:
        if index >= len(self.interfaces):
            raise Damaged(where, f"is of interface {index}, which the file does not have")
        return self.interfaces[index]


def records(blocks: Blocks, faults: Faults, secrets: list[bytes]) -> Iterator[Record]:
    """Yield every packet; `secrets` gets the TLS key logs that are inside."""
    section, number = _Section("<"), 0
    while blocks.more(12):
        if blocks.data.startswith(MAGIC, blocks.at):
            section = _Section(_order(blocks, number))
        where = f"the block after packet {number}"
        block = _block(blocks, section.order, where)
        if block is None:
            break
        kind = struct.unpack_from(section.order + "I", block)[0]
        if kind in _PACKETS:
            number += 1
            yield _packet(section, kind, block, number)
        elif kind == _INTERFACE:
            section.interfaces.append(_interface(section, block, where))
        elif kind == _SECRETS:
            secrets.extend(_keys(section, block))
    if blocks.left():
        faults.add("the file ends within a block", number)


def _block(blocks: Blocks, order: str, where: str) -> bytes | None:
    """The next block, whole; None where the file ends within it."""
    length = struct.unpack_from(order + "I", blocks.data, blocks.at + 4)[0]
    if length < 12 or length % 4 or length > LONGEST:
        raise Damaged(where, f"says it is {length} bytes long: a broken file")
    if not blocks.more(length):
        return None
    block = blocks.take(length, where)
    if struct.unpack_from(order + "I", block, length - 4)[0] != length:
        raise Damaged(where, "says two different lengths of itself: a broken file")
    return block


def _order(blocks: Blocks, number: int) -> str:
    magic = bytes(blocks.data[blocks.at + 8 : blocks.at + 12])
    if magic not in _ORDERS:
        raise Damaged(f"the section after packet {number}", "has no byte order: a broken file")
    return _ORDERS[magic]


def _packet(section: _Section, kind: int, block: bytes, number: int) -> Record:
    where = f"packet {number}"
    if len(block) < (16 if kind == _SIMPLE else 32):
        raise Damaged(where, "is too short to be one")
    if kind == _SIMPLE:
        interface = section.interface(0, where)
        length = struct.unpack_from(section.order + "I", block, 8)[0]
        kept, start, ticks = min(length, interface.kept or length), 12, 0
    else:
        if kind == _ENHANCED:
            index, high, low, kept, length = section.packet(block, 8)
        else:
            index, _, high, low, kept, length = section.old(block, 8)
        interface, start, ticks = section.interface(index, where), 28, high << 32 | low
    if start + kept > len(block) - 4:
        raise Damaged(where, f"says it has {kept} bytes, more than its block")
    time_ns = ticks * interface.numerator // interface.denominator + interface.offset_s * 1_000_000_000
    return Record(number, time_ns, interface.link, block[start : start + kept], length)


def _interface(section: _Section, block: bytes, where: str) -> _Interface:
    if len(block) < 20:
        raise Damaged(where, "is too short for an interface")
    link, kept = struct.unpack_from(section.order + "HxxI", block, 8)
    options = dict(_options(section.order, block[16:-4]))
    told = options.get(_RESOLUTION, b"\6")
    power = told[0] if told else 6
    scale = 1 << (power & 0x7F) if power & 0x80 else 10 ** (power & 0x7F)
    offset = options.get(_OFFSET, b"")
    offset_s = struct.unpack(section.order + "q", offset)[0] if len(offset) == 8 else 0
    return _Interface(link, kept, 1_000_000_000, scale, offset_s)


def _options(order: str, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            return
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + (length + 3 & ~3)


def _keys(section: _Section, block: bytes) -> Iterator[bytes]:
    if len(block) < 20:
        return
    kind, length = struct.unpack_from(section.order + "II", block, 8)
    if kind == _TLS_KEYS:
        yield block[16 : min(16 + length, len(block) - 4)]
