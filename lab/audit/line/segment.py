"""Headers of IP and TCP, as far as a device could hide something in what they need not say.

What chance or the clock is in cannot be told from ciphertext: the first sequence number, the id of an IPv4
packet, the flow label of IPv6, time stamps, the window, where a segment ends. docs/audit.md has the bound.
"""

from lab.audit.capture.packet import IPV4, Packet

_FIN, _SYN, _RST, _PSH, _ACK, _URG = 1, 2, 4, 8, 16, 32
_OPTIONS = {2: 4, 3: 3, 4: 2, 8: 10}
"""Largest segment, window scale, selective acknowledgements, time stamps: kind and length."""
_IN_SYN = frozenset({2, 3, 4})
_FLAGS = frozenset({
    _SYN, _SYN | 0xC0, _ACK, _ACK | _PSH, _FIN | _ACK, _FIN | _ACK | _PSH, _RST, _RST | _ACK,
    _ACK | 0x40, _ACK | _PSH | 0x40, _ACK | 0x80, _ACK | _PSH | 0x80,
})  # fmt: skip


def ipv4_fault(packet: Packet) -> str | None:
    """What an IPv4 header says that it need not."""
    head = packet.record.data[packet.network : packet.network + 20]
    if packet.transport - packet.network != 20:
        return "options in an IPv4 header"
    if head[6] & 0xA0 or head[6] & 0x1F or head[7]:
        return "a fragment, or a reserved bit in an IPv4 header"
    return "a class of service that nobody set" if head[1] >> 2 else None


def ipv6_fault(packet: Packet) -> str | None:
    """What an IPv6 header says that it need not."""
    head = packet.record.data[packet.network : packet.network + 40]
    if packet.transport - packet.network != 40:
        return "extension headers in an IPv6 packet"
    return "a class of service that nobody set" if (head[0] & 15) << 2 | head[1] >> 6 else None


def hops(packet: Packet) -> int:
    """How many hops it may take, as its header says: the same in every packet of a device."""
    return packet.record.data[packet.network + (8 if packet.ethertype == IPV4 else 7)]


def tcp_fault(packet: Packet) -> str | None:
    """What a TCP header says that it need not."""
    data, at = packet.record.data, packet.transport
    head = data[at : at + 20]
    if len(head) < 20 or packet.start < at + 20:
        return "a TCP header that is not whole"
    flags, size = head[13], packet.end - packet.start
    if head[12] & 0x0F or flags not in _FLAGS:
        return f"flags of TCP (0x{(head[12] & 15) << 8 | flags:03x}) that nobody needs"
    if head[18] or head[19]:
        return "an urgent pointer"
    if size and flags & (_SYN | _RST):
        return f"{size} bytes in a TCP packet that carries none"
    if not flags & _ACK and any(head[8:12]):
        return "an acknowledgement in a TCP packet that has none"
    return _options_fault(data[at + 20 : packet.start], syn=bool(flags & _SYN))


def _options_fault(options: bytes, *, syn: bool) -> str | None:
    place, seen = 0, set[int]()
    while place < len(options):
        kind = options[place]
        if kind == 1:
            place += 1
            continue
        if kind == 0:
            return "filling of a TCP header that is not zero" if options[place:].strip(b"\0") else None
        length = options[place + 1] if place + 1 < len(options) else 0
        if not _fits(kind, length, syn) or kind in seen or place + length > len(options):
            return f"option {kind} of TCP, which nobody needs here"
        seen.add(kind)
        place += length
    return None


def _fits(kind: int, length: int, syn: bool) -> bool:
    if kind == 5:
        return not syn and length in (10, 18, 26, 34)
    return _OPTIONS.get(kind) == length and (syn or kind not in _IN_SYN)
