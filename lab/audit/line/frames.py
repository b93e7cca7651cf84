"""Every frame on the cable, one by one: whose it is, and whether the device had a reason to send it.

The device may send TCP to its broker, and what the two need to find each other's card: ARP, or neighbour
discovery. That is looked at to the byte, headers and filling too; everything else that it sends is named.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from lab.audit.capture.datagram import words
from lab.audit.capture.packet import ARP, ETHERNET, IPV4, Packet
from lab.audit.capture.stream import At
from lab.audit.line.link import Link
from lab.audit.line.neighbours import Ends, arp_fault, icmp6_fault, is_greeting
from lab.audit.line.nonsense import MOST, Strange
from lab.audit.line.segment import hops, ipv4_fault, ipv6_fault, tcp_fault

_SHORTEST_FRAME = 60
_MOST_GREETINGS = 32


class Frames:
    """Looks at every packet, in the order of the file, and counts those of the device."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._own, self._host, self._card = link.own, link.host, link.card
        self._ends = Ends(self._card, self._own, self._host)
        self._greetings = 0
        self._way = {(own, self._host) for own in self._own}
        self.sent_packets = self.sent_bytes = self.received_packets = self.received_bytes = 0
        self.strange: list[Strange] = []
        self.more = 0
        """How many strange frames there are beyond those."""
        self.empty = 0
        """How many packets of TCP it sent without a byte in them."""
        self._hops: dict[int, int] = {}
        self._others: set[bytes] = set()
        self.first: At | None = None

    def see(self, packet: Packet) -> None:
        """Look at the next packet."""
        record = packet.record
        at = At(record.number, record.time_ns)
        self.first = self.first or at
        if not self._sent(packet):
            self.received_packets += 1
            self.received_bytes += record.length
            self._other(packet, at)
            return
        self.sent_packets += 1
        self.sent_bytes += record.length
        for fault in self._faults(packet):
            self._tell(fault, at)

    def _sent(self, packet: Packet) -> bool:
        """Whether the device sent it: by its card, or by its address where there is none."""
        card = packet.macs[0]
        return card == self._card or packet.source[0] in self._own

    def _other(self, packet: Packet, at: At) -> None:
        """At the other end of a cable there is one card."""
        card = packet.macs[0]
        if card and card not in self._others:
            self._others.add(card)
            if len(self._others) > 1:
                self._tell(f"a frame of a third card, {card.hex(':')}, on a cable with two ends", at)

    def _faults(self, packet: Packet) -> Iterator[str]:
        record = packet.record
        if len(record.data) < record.length:
            yield f"{record.length - len(record.data)} bytes of a packet that the capture does not have"
            return
        if packet.macs[0] and packet.macs[0] != self._card:
            yield f"a frame with the device's address and another card's, {packet.macs[0].hex(':')}"
        if packet.fault:
            yield packet.fault
        fault = self._reason(packet)
        if fault:
            yield fault

    def _reason(self, packet: Packet) -> str | None:
        """What is wrong with a packet of the device's, or that there is no reason for it."""
        fault: str | None
        if packet.protocol == "tcp":
            fault = self._tcp(packet)
        elif packet.ethertype == ARP:
            return arp_fault(packet, self._ends)
        elif packet.protocol == "icmp6":
            fault = icmp6_fault(packet, self._ends)
            self._greetings += is_greeting(packet)
            if self._greetings > _MOST_GREETINGS:
                fault = fault or f"more than {_MOST_GREETINGS} times what only a card that comes up says"
        else:
            fault = _named(packet)
        return fault or _filling(packet)

    def _tcp(self, packet: Packet) -> str | None:
        target = packet.target
        if (packet.source[0], target[0]) not in self._way or target[1] != self._link.broker.port:
            return f"TCP to {_address(target[0])} port {target[1]}, which is not the broker"
        self.empty += packet.start == packet.end
        if self._hops.setdefault(packet.ethertype, hops(packet)) != hops(packet):
            return "another number of hops than in the packets before"
        return (ipv4_fault if packet.ethertype == IPV4 else ipv6_fault)(packet) or tcp_fault(packet)

    def _tell(self, what: str, at: At) -> None:
        if len(self.strange) < MOST:
            self.strange.append(Strange(what, at))
        else:
            self.more += 1


def _named(packet: Packet) -> str:
    """What it is, to whom, and how much."""
    kind = words(packet) if packet.protocol == "udp" else packet.protocol
    port = f" port {packet.target[1]}" if packet.target[1] else ""
    size = packet.end - packet.start
    return f"{kind} to {_address(packet.target[0])}{port}, {size} bytes, which no ledger has"


def _address(packed: bytes) -> str:
    return str(ip_address(packed)) if len(packed) in (4, 16) else packed.hex(":") or "nobody"


def _filling(packet: Packet) -> str | None:
    """What is behind a packet in its frame: zeros, up to the shortest that there is on a cable."""
    record = packet.record
    rest = record.data[packet.end :]
    if not rest:
        return None
    if record.link != ETHERNET or record.length > _SHORTEST_FRAME or rest.strip(b"\0"):
        return f"{len(rest)} bytes behind a packet in its frame"
    return None
