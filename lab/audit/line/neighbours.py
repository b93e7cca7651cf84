"""How two ends of a cable find each other's card: ARP (RFC 826) and neighbour discovery (RFC 4861), to the
byte. A device needs it for its broker and for itself; anything more in it is strange.

A card that comes up with IPv6 on also asks for a router, says which groups it hears (RFC 3810), and whether
its address is taken, with six random bytes (RFC 7527). `frames` allows few of these `greetings`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lab.audit.capture.packet import Packet

_ARP_HEAD = bytes.fromhex("00010800060400")
_ARP_BYTES = 28
_ROUTER, _SOLICIT, _ADVERTISE, _GROUPS = 133, 135, 136, 143
_NOBODY = bytes(16)
_ALL_SNOOPERS = bytes.fromhex("ff02000000000000000000000000006a")
_SOLICITED = bytes.fromhex("ff0200000000000000000001ff")
_MORE = "neighbour discovery with more in it than it needs"
_OTHERS = "neighbour discovery about somebody else than the device and its broker"


class Ends(NamedTuple):
    """The two ends of a cable: the device's card and addresses, packed, and the broker's address."""

    card: bytes
    own: frozenset[bytes]
    host: bytes

    @property
    def known(self) -> frozenset[bytes]:
        """The device's addresses, with the one that IPv6 makes of a card (RFC 4291)."""
        card = self.card
        made = bytes([card[0] ^ 2]) + card[1:3] + b"\xff\xfe" + card[3:]
        return self.own | {b"\xfe\x80" + bytes(6) + made}


def arp_fault(packet: Packet, ends: Ends) -> str | None:
    """What is wrong with an ARP packet of the device's."""
    data = packet.record.data[packet.network :]
    said, rest = data[:_ARP_BYTES], data[_ARP_BYTES:]
    if len(said) < _ARP_BYTES or said[:7] != _ARP_HEAD or said[7] not in (1, 2):
        return "an ARP packet that is none"
    sender, source, target, asked = said[8:14], said[14:18], said[18:24], said[24:28]
    if sender != ends.card or source not in ends.own | {bytes(4)} or asked not in ends.own | {ends.host}:
        return "an ARP packet about somebody else than the device and its broker"
    if said[7] == 1 and target not in (bytes(6), b"\xff" * 6, packet.macs[1]):
        return "an ARP question with an answer in it"
    if said[7] == 2 and target != packet.macs[1]:
        return "an ARP answer to another than it names"
    if rest.strip(b"\0") or (rest and packet.record.length > 60):
        return f"{len(rest)} bytes behind an ARP packet"
    return None


def icmp6_fault(packet: Packet, ends: Ends) -> str | None:
    """What is wrong with an ICMPv6 packet of the device's."""
    said = packet.record.data[packet.start : packet.end]
    kind = said[0] if said else 0
    if packet.source[0] not in ends.known | {_NOBODY}:
        return _OTHERS
    if kind in (_SOLICIT, _ADVERTISE):
        return _neighbour_fault(packet, said, ends)
    if kind == _ROUTER:
        plain = said[1:2] + said[4:8] == bytes(5) and said[8:] in (b"", bytes([1, 1]) + ends.card)
        return None if plain and packet.transport - packet.network == 40 else _MORE
    if kind == _GROUPS:
        return _groups_fault(packet, said, ends)
    return f"ICMPv6 of type {kind}, {len(said)} bytes, which no ledger has"


def is_greeting(packet: Packet) -> bool:
    """Whether it is what only a card that comes up says."""
    said = packet.record.data[packet.start : packet.end]
    return said[:1] in (bytes([_ROUTER]), bytes([_GROUPS])) or said[24:25] == b"\x0e"


def _neighbour_fault(packet: Packet, said: bytes, ends: Ends) -> str | None:
    if len(said) not in (24, 32) or said[1] or packet.transport - packet.network != 40:
        return _MORE
    flags, asked, option = said[4:8], said[8:24], said[24:]
    if asked not in ends.known | {ends.host}:
        return _OTHERS
    known = bytes(4) if said[0] == _SOLICIT else bytes([flags[0] & 0xE0, 0, 0, 0])
    own = option in (b"", bytes([1, 1]) + ends.card, bytes([2, 1]) + ends.card)
    once = said[0] == _SOLICIT and packet.source[0] == _NOBODY and option[:2] == b"\x0e\x01"
    return None if flags == known and (own or once) else _MORE


def _groups_fault(packet: Packet, said: bytes, ends: Ends) -> str | None:
    """A report of groups: those by which it is asked for its own addresses."""
    head = packet.record.data[packet.network + 40 : packet.transport]
    wanted = {_SOLICITED + each[-3:] for each in ends.known if len(each) == 16} | {_ALL_SNOOPERS}
    if head != bytes([58, 0, 5, 2, 0, 0, 1, 0]) or said[1:2] + said[4:6] != bytes(3):
        return _MORE
    records = list(_records(said))
    if len(records) != int.from_bytes(said[6:8], "big") or len(said) != 8 + 20 * len(records):
        return _MORE
    return None if all(head in _KINDS and group in wanted for head, group in records) else _MORE


_KINDS = frozenset(bytes([kind, 0, 0, 0]) for kind in (1, 2, 3, 4))


def _records(said: bytes) -> Iterator[tuple[bytes, bytes]]:
    for at in range(8, len(said) - 19, 20):
        yield said[at : at + 4], said[at + 4 : at + 20]
