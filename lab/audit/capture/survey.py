"""A capture in one pass: who spoke to whom, how much, and what was said in streams, to who listens."""

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from lab.audit.capture.blocks import Faults, Record
from lab.audit.capture.datagram import is_named, words
from lab.audit.capture.files import Source
from lab.audit.capture.packet import ETHERNET, IPV4, Packet, decode
from lab.audit.capture.stream import ACK, SYN, At, Memory, Sink, Stream

_MOST_WORDS = 256


class Endpoint(NamedTuple):
    """An address (IP, or of the card where there is no IP) and a port, 0 where there is none."""

    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address and self.port else self.address
        return f"{host}:{self.port}" if self.port else host or "nobody"


class Flow(NamedTuple):
    """What two endpoints say to each other. first: who was seen to speak first; of TCP, who sent the SYN."""

    protocol: str
    first: Endpoint
    second: Endpoint

    def __str__(self) -> str:
        return f"{self.protocol} {self.first} > {self.second}"


class Counts:
    """Packets, bytes of whole frames, and payload bytes of a flow: [from first, from second]."""

    __slots__ = ("at_first", "bytes", "number_last", "packets", "payload", "time_last_ns", "words")

    def __init__(self, at: At) -> None:
        self.packets = [0, 0]
        self.bytes = [0, 0]
        self.payload = [0, 0]
        self.at_first = at
        self.number_last, self.time_last_ns = at
        self.words: Counter[str] = Counter()
        """What its datagrams are: `DNS query A time.example`; of more than 256 different ones, the first."""

    @property
    def at_last(self) -> At:
        """Its last packet."""
        return At(self.number_last, self.time_last_ns)


class Survey:
    """What a pass found. faults: what is wrong with the capture, and at which packet."""

    def __init__(self) -> None:
        self.packets = self.bytes = 0
        self.flows: dict[Flow, Counts] = {}
        self.links: Counter[int] = Counter()
        self.faults = Faults()
        self.secrets: list[bytes] = []


def no_stream(_flow: Flow) -> Sink | None:
    """Listen to no stream."""
    return None


def unseen(_packet: Packet) -> None:
    """Look at no packet."""


def read(
    path: Path,
    open_stream: Callable[[Flow], Sink | None] = no_stream,
    see: Callable[[Packet], None] = unseen,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Survey:
    """Read the capture at `path` once.

    open_stream: who hears a TCP connection, asked at its first packet; see: shown every packet, in the order
    of the file; progress: told bytes read, and in all.

    Raises:
        Damaged: it is no capture, or not one that can be followed.
    """
    found = Survey()
    source = Source(path, found.faults, progress)
    reading = _Reading(found, open_stream)
    for record in source:
        packet = None if see is unseen and reading.known(record) else decode(record)
        if packet is not None:
            reading.take(packet)
            see(packet)
    reading.over()
    found.secrets = source.secrets
    return found


class _Side:
    """One direction of a flow: its counts, whether it is the first's, and the stream if it is listened to."""

    __slots__ = ("counts", "flow", "index", "named", "stream")

    def __init__(self, flow: Flow, index: int, counts: Counts) -> None:
        self.flow = flow
        self.index = index
        self.counts = counts
        self.named = is_named(flow.first.port, flow.second.port)  # each datagram by what it asks
        self.stream: Stream | None = None

    def count(self, record: Record, payload: int) -> None:
        counts, index = self.counts, self.index
        counts.packets[index] += 1
        counts.bytes[index] += record.length
        counts.payload[index] += payload
        counts.number_last, counts.time_last_ns = record[:2]


_Key = tuple[str, tuple[bytes, int], tuple[bytes, int]]

_PLAIN = b"\x08\0\x45"
"""EtherType IPv4, and a header without options."""
_HEADERS = 54
"""Of Ethernet, IPv4 and TCP without options: what is cut shorter is looked at in the other way."""


class _Reading:
    """What is known so far."""

    def __init__(self, found: Survey, open_stream: Callable[[Flow], Sink | None]) -> None:
        self._found = found
        self._open_stream = open_stream
        self._sides: dict[_Key, _Side] = {}
        self._plain: dict[bytes, _Side] = {}
        self._memory = Memory()

    def known(self, record: Record) -> bool:
        """Take the next packet of a flow by the bytes that say which, if that is all there is to it.

        It spares reading the other headers of nearly all packets.
        """
        data = record.data
        if len(data) < _HEADERS or record.link != ETHERNET:
            return False
        if data[12:15] != _PLAIN or data[20] & 0x3F or data[21]:
            return False
        side = self._plain.get(data[23:24] + data[26:38])
        end = 14 + (data[16] << 8 | data[17])
        if side is None or end < 54:
            return False
        if data[23] == 6:
            flags, start = data[47], 34 + (data[46] >> 4) * 4
            if flags & SYN or not 54 <= start <= end:
                return False
            if side.stream is not None and start < end:
                side.stream.take(side.index == 0, int.from_bytes(data[38:42], "big"), record, (start, end))
        else:
            start = 42
        side.count(record, end - start)
        self._total(record)
        return True

    def take(self, packet: Packet) -> None:
        """Take a packet whose headers were read."""
        record = packet.record
        side = self._sides.get(packet[1:4])
        if side is None:
            side = self._open(packet)
        side.count(record, packet.end - packet.start)
        self._total(record)
        if packet.fault:
            self._found.faults.add(packet.fault, record.number)
        if packet.protocol == "tcp" and _whole(packet):
            self._tcp(packet, side)
        elif packet.protocol == "udp" and len(side.counts.words) < _MOST_WORDS:
            side.counts.words[words(packet)] += side.named or not side.counts.words

    def over(self) -> None:
        """Tell every stream that there is no more."""
        for side in self._sides.values():
            if side.stream is not None and side.index == 0:
                side.stream.over()

    def _total(self, record: Record) -> None:
        found = self._found
        found.packets += 1
        found.bytes += record.length
        found.links[record.link] += 1

    def _tcp(self, packet: Packet, side: _Side) -> None:
        data, at = packet.record.data, packet.transport
        sequence, flags = int.from_bytes(data[at + 4 : at + 8], "big"), data[at + 13]
        if flags & SYN:
            if not flags & ACK and side.stream is not None and side.stream.begins_anew(sequence):
                side.stream.over()
                self._listen_to(side.flow, packet)
            sequence = sequence + 1 & 0xFFFFFFFF
            if side.stream is not None:
                side.stream.begin(side.index == 0, sequence)
        if side.stream is not None and packet.start < packet.end:
            side.stream.take(side.index == 0, sequence, packet.record, (packet.start, packet.end))

    def _open(self, packet: Packet) -> _Side:
        protocol, source, target = packet[1:4]
        flags = packet.record.data[packet.transport + 13] if protocol == "tcp" and _whole(packet) else 0
        turned = flags & (SYN | ACK) == SYN | ACK  # the answer to a SYN
        ends = (target, source) if turned else (source, target)
        flow = Flow(protocol, _endpoint(ends[0]), _endpoint(ends[1]))
        counts = self._found.flows.setdefault(flow, Counts(At(packet.record.number, packet.record.time_ns)))
        for index, (one, other) in enumerate(((ends[0], ends[1]), (ends[1], ends[0]))):
            side = self._sides.setdefault((protocol, one, other), _Side(flow, index, counts))
            if packet.ethertype == IPV4 and (protocol == "tcp" or (protocol == "udp" and not side.named)):
                ports = one[1].to_bytes(2, "big") + other[1].to_bytes(2, "big")
                self._plain[(b"\6" if protocol == "tcp" else b"\x11") + one[0] + other[0] + ports] = side
        if protocol == "tcp":
            self._listen_to(flow, packet)
        return self._sides[protocol, source, target]

    def _listen_to(self, flow: Flow, packet: Packet) -> None:
        sink = self._open_stream(flow)
        stream = Stream(sink, self._found.faults, self._memory) if sink is not None else None
        self._sides[packet[1:4]].stream = stream
        self._sides[packet.protocol, packet.target, packet.source].stream = stream


def _whole(packet: Packet) -> bool:
    return packet.start >= packet.transport + 14 and len(packet.record.data) > packet.transport + 13


def _endpoint(end: tuple[bytes, int]) -> Endpoint:
    address, port = end
    if len(address) in (4, 16):
        return Endpoint(str(ip_address(address)), port)
    return Endpoint(":".join(f"{byte:02x}" for byte in address), port)
