"""A record to what its headers say: link types of home set-ups, VLANs, IPv4 and IPv6, TCP and UDP ports.

It gives offsets into the record's bytes, so that whoever looks closer looks at the bytes themselves. A header
that is not what it should be makes a packet of the last protocol that could be read, and a `fault`.
"""

from collections.abc import Callable
from typing import NamedTuple

from lab.audit.capture.blocks import Record

ETHERNET, RAW = 1, frozenset({12, 14, 101, 228, 229})
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
_VLANS = frozenset({0x8100, 0x88A8, 0x9100})
_PPPOE = 0x8864
_NAMES = {ARP: "arp", 0x888E: "eapol", 0x88CC: "lldp", 0x8863: "pppoe", 0x893A: "ieee1905", 0x8035: "rarp"}
_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6", 47: "gre", 50: "esp", 132: "sctp"}
_WITH_PORTS = frozenset({6, 17, 132})
_EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})


class Packet(NamedTuple):
    """What the headers of a record say.

    protocol: `tcp`, `udp`, `arp`, `0x9999`…; source, target: packed addresses (6 bytes for what has no IP, or
    none) and ports (0 where there are none); macs: source and target, empty where the link has none;
    ethertype: of what is at `network`; network, transport: offsets of these headers; start, end: of the
    payload, `end` by the headers: there is less in the record if it was cut short.
    """

    record: Record
    protocol: str
    source: tuple[bytes, int]
    target: tuple[bytes, int]
    macs: tuple[bytes, bytes]
    ethertype: int
    network: int
    transport: int
    start: int
    end: int
    fault: str = ""


_NOBODY = (b"", 0)
_NO_MACS = (b"", b"")


def decode(record: Record) -> Packet:
    """Read the headers; never raises."""
    try:
        return _link(record)
    except (IndexError, ValueError):
        where = len(record.data)
        return Packet(
            record, "cut short", _NOBODY, _NOBODY, _NO_MACS, 0, where, where, where, where, "cut short"
        )


def _link(record: Record) -> Packet:
    data = record.data
    if record.link == ETHERNET:
        return _ethertype(record, 12, (data[6:12], data[0:6]))
    if record.link in RAW:
        return _ip(record, 0, IPV6 if data[0] >> 4 == 6 else IPV4, _NO_MACS)
    read = _LINKS.get(record.link)
    return read(record) if read else _other(record, f"link type {record.link}", _NO_MACS, 0, 0)


def _cooked(record: Record) -> Packet:
    mac = record.data[6:12] if record.data[5] == 6 else b""
    return _ethertype(record, 14, (mac, b""))


def _cooked2(record: Record) -> Packet:
    return _ip(record, 20, int.from_bytes(record.data[0:2], "big"), (record.data[12:18], b""))


def _loopback(record: Record) -> Packet:
    family = record.data[0] or record.data[3]  # in the byte order of who captured
    return _ip(record, 4, IPV4 if family == 2 else IPV6, _NO_MACS)


def _serial(record: Record) -> Packet:
    return _ppp(record, 2 if record.data[0] == 0xFF else 0, _NO_MACS)


def _radiotap(record: Record) -> Packet:
    return _wifi(record, int.from_bytes(record.data[2:4], "little"))


def _ethertype(record: Record, at: int, macs: tuple[bytes, bytes]) -> Packet:
    data = record.data
    kind = data[at] << 8 | data[at + 1]
    while kind in _VLANS:
        at += 4
        kind = data[at] << 8 | data[at + 1]
    if kind == _PPPOE:
        return _ppp(record, at + 8, macs)
    if kind < 0x600:  # a length: 802.2
        if data[at + 2 : at + 8] == b"\xaa\xaa\x03\0\0\0":
            return _ip(record, at + 10, data[at + 8] << 8 | data[at + 9], macs)
        return _other(record, "802.2", macs, kind, at + 2)
    return _ip(record, at + 2, kind, macs)


def _ppp(record: Record, at: int, macs: tuple[bytes, bytes]) -> Packet:
    kind = int.from_bytes(record.data[at : at + 2], "big")
    if kind in (0x21, 0x57):
        return _ip(record, at + 2, IPV4 if kind == 0x21 else IPV6, macs)
    return _other(record, f"ppp 0x{kind:04x}", macs, kind, at + 2)


def _wifi(record: Record, at: int = 0) -> Packet:
    """A data frame of 802.11 that is not encrypted; anything else is named and no more."""
    data = record.data
    kind, subtype, flags = data[at] >> 2 & 3, data[at] >> 4, data[at + 1]
    macs = (data[at + 10 : at + 16], data[at + 4 : at + 10])
    if kind != 2 or subtype & 4 or flags & 0x40:
        return _other(record, "802.11", macs, 0, at)
    body = at + (30 if flags & 3 == 3 else 24) + (2 if subtype & 8 else 0)
    if data[body : body + 6] != b"\xaa\xaa\x03\0\0\0":
        return _other(record, "802.11", macs, 0, at)
    return _ip(record, body + 8, data[body + 6] << 8 | data[body + 7], macs)


def _other(
    record: Record, name: str, macs: tuple[bytes, bytes], kind: int, at: int, fault: str = ""
) -> Packet:
    end = len(record.data)
    return Packet(record, name, (macs[0], 0), (macs[1], 0), macs, kind, at, at, at, end, fault)


def _ip(record: Record, at: int, kind: int, macs: tuple[bytes, bytes]) -> Packet:
    if kind == IPV4:
        return _ipv4(record, at, macs)
    if kind == IPV6:
        return _ipv6(record, at, macs)
    return _other(record, _NAMES.get(kind, f"0x{kind:04x}"), macs, kind, at)


def _ipv4(record: Record, at: int, macs: tuple[bytes, bytes]) -> Packet:
    data = record.data
    header, total = (data[at] & 15) * 4, data[at + 2] << 8 | data[at + 3]
    addresses = data[at + 12 : at + 16], data[at + 16 : at + 20]
    if data[at] >> 4 != 4 or header < 20 or len(addresses[1]) < 4:
        return _other(record, "ipv4", macs, IPV4, at, "an IPv4 header that is none")
    end = at + total if total else record.length  # 0: left to the card, which cuts it up
    if end < at + header:
        return _other(record, "ipv4", macs, IPV4, at, "an IPv4 packet shorter than its header")
    fragment = (data[at + 6] << 8 | data[at + 7]) & 0x3FFF
    where = (macs, IPV4, at, at + header, end)
    return _transport(record, data[at + 9], addresses, where, bool(fragment & 0x1FFF), bool(fragment))


def _ipv6(record: Record, at: int, macs: tuple[bytes, bytes]) -> Packet:
    data = record.data
    addresses = data[at + 8 : at + 24], data[at + 24 : at + 40]
    if data[at] >> 4 != 6 or len(addresses[1]) < 16:
        return _other(record, "ipv6", macs, IPV6, at, "an IPv6 header that is none")
    length = data[at + 4] << 8 | data[at + 5]
    following, head, later, fragment = data[at + 6], at + 40, False, False
    end = head + length if length else record.length
    while following in _EXTENSIONS or following in (44, 51):
        if following == 44:
            offset = (data[head + 2] << 8 | data[head + 3]) >> 3
            fragment, later, size = True, later or offset > 0, 8
        else:
            size = (data[head + 1] + 2) * 4 if following == 51 else (data[head + 1] + 1) * 8
        following, head = data[head], head + size
        if head > end:
            return _other(record, "ipv6", macs, IPV6, at, "IPv6 headers longer than their packet")
    return _transport(record, following, addresses, (macs, IPV6, at, head, end), later, fragment)


def _transport(
    record: Record,
    number: int,
    addresses: tuple[bytes, bytes],
    where: tuple[tuple[bytes, bytes], int, int, int, int],
    later: bool,
    fragment: bool,
) -> Packet:
    macs, kind, network, at, end = where
    data, (source, target) = record.data, addresses
    name = _PROTOCOLS.get(number, f"ip {number}")
    if later or number not in _WITH_PORTS:
        fault = "a fragment" if fragment else ""
        return Packet(record, name, (source, 0), (target, 0), macs, kind, network, at, at, end, fault)
    start = at + ((data[at + 12] >> 4) * 4 if number == 6 else 8)
    ports = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
    fault = "a fragment" if fragment else ""
    if start > end or (number == 6 and start < at + 20):
        start, fault = end, f"a {name} header longer than its packet"
    return Packet(
        record, name, (source, ports[0]), (target, ports[1]), macs, kind, network, at, start, end, fault
    )


_LINKS: dict[int, Callable[[Record], Packet]] = {
    0: _loopback, 9: _serial, 105: _wifi, 108: _loopback, 113: _cooked, 127: _radiotap, 276: _cooked2,
}  # fmt: skip
