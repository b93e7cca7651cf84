"""What the tests of the uplink share: an uplink, its news, MQTT packets, and a line that can be cut."""

import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Literal, NamedTuple

from device.config import UplinkSection
from device.ledger import Row
from device.outbox import Departure
from device.uplink import Caller, Kind, News, Uplink

DEADLINE_S = 15.0
CALLER = Caller("ovh-test", "up/status", b"lost", ("overheard/v1/keys", "down/ack"))
CONNECT, PUBLISH, DISCONNECT = 1, 3, 14

Protocol = Literal["auto", "5", "3.1.1"]


def make_uplink(
    port: int, protocol: Protocol = "auto", about_to_connect: Callable[[], None] = lambda: None
) -> Uplink:
    """An uplink that comes back at once."""
    settings = UplinkSection(
        host="127.0.0.1", port=port, ca="", allow_plaintext=False, protocol=protocol, keepalive_s=20,
        backoff_min_s=0.02, backoff_max_s=0.1, window=64, ask_again_s=10.0,
    )  # fmt: skip
    return Uplink(settings, CALLER, about_to_connect)


def departure(seq: int | None, payload: bytes, topic: str = "up/x") -> Departure:
    """A message as the outbox hands it out."""
    digest = hashlib.sha256(payload).hexdigest()
    return Departure(seq, topic, payload, Row(index=0, kind="status", topic=topic, bytes=0, sha256=digest))


def news_of(uplink: Uplink) -> Iterator[News]:
    """Every piece of news as it comes; fails when none comes any more."""
    until = monotonic() + DEADLINE_S
    while True:
        uplink.arrived.clear()
        while uplink.inbox:
            yield uplink.take()
        assert uplink.arrived.wait(until - monotonic()), "no news from the uplink"


def wait_for(uplink: Uplink, kind: Kind) -> News:
    """Take news until one of this kind comes."""
    return next(news for news in news_of(uplink) if news.kind is kind)


def sent(uplink: Uplink, count: int) -> list[int | None]:
    """The seqs of the next `count` messages that the broker confirms."""
    confirmed = (news.seq for news in news_of(uplink) if news.kind is Kind.SENT)
    return [next(confirmed) for _ in range(count)]


class Packet(NamedTuple):
    """One MQTT packet, taken apart as far as these tests need it."""

    kind: int
    flags: int
    body: bytes

    @property
    def level(self) -> int:
        """Of a CONNECT: 5, or 4 for MQTT 3.1.1."""
        return self.body[6]

    def payload(self, level: int) -> bytes:
        """Of a QoS 1 PUBLISH without properties."""
        rest = self.body[2 + int.from_bytes(self.body[:2], "big") + 2 :]
        return rest[1:] if level == 5 else rest


def packets(record: bytes | bytearray) -> list[Packet]:
    """Take a stream of bytes apart; a packet that is cut off at its end counts too."""
    data, found, at = bytes(record), [], 0
    while at + 1 < len(data):
        first, length, shift, at = data[at], 0, 0, at + 1
        while at < len(data):
            length |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 128:
                break
        found.append(Packet(first >> 4, first & 15, data[at : at + length]))
        at += length
    return found


def packed(first: int, body: bytes) -> bytes:
    """An MQTT packet."""
    length, left = b"", len(body)
    while not length or left:
        left, digit = left >> 7, left & 127
        length += bytes([digit | (128 if left else 0)])
    return bytes([first]) + length + body


class Proxy:
    """A line to the broker that records what the device sends, and can be cut after so many bytes."""

    def __init__(self, port: int) -> None:
        self._broker = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.recorded: list[bytearray] = []
        self.cut_after: int | None = None
        self.quiet = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def whole_record(self) -> bytes:
        """What the device sent on its last connection, once that has ended."""
        assert self.quiet.wait(DEADLINE_S)
        return bytes(self.recorded[-1])

    def close(self) -> None:
        """Take no more connections."""
        self._door.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                device, _ = self._door.accept()
                record = bytearray()
                self.recorded.append(record)
                self.quiet.clear()
                broker = socket.create_connection(("127.0.0.1", self._broker))
                for source, sink, note in ((device, broker, record), (broker, device, None)):
                    threading.Thread(target=self._pump, args=(source, sink, note), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, record: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(512):
                if record is not None:
                    record += data
                sink.sendall(data)
                if record is not None and self.cut_after is not None and len(record) > self.cut_after:
                    self.cut_after = None
                    break
        if record is not None:
            self.quiet.set()
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Peer:
    """The test itself as the broker, packet by packet, in MQTT 3.1.1."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(DEADLINE_S)
        self.port: int = self._door.getsockname()[1]
        self.line = socket.socket()

    def close(self) -> None:
        """Hang up and close the door."""
        self.line.close()
        self._door.close()

    def accept(self) -> None:
        """Take the next connection; not a byte of it is read."""
        self.line.close()
        self.line, _ = self._door.accept()
        self.line.settimeout(DEADLINE_S)

    def read(self) -> Packet:
        """Read one packet. Raises EOFError at the end of the connection."""
        head = self._take(1) + self._take(1)
        while head[-1] & 128:
            head += self._take(1)
        length = sum((digit & 127) << 7 * place for place, digit in enumerate(head[1:]))
        return Packet(head[0] >> 4, head[0] & 15, self._take(length))

    def welcome(self) -> None:
        """CONNACK and SUBACK for the next connection."""
        self.accept()
        assert self.read().kind == CONNECT
        self.line.sendall(packed(0x20, b"\0\0"))
        self.confirm(self.read(), 0x90, b"\1\1")

    def confirm(self, packet: Packet, first: int = 0x40, body: bytes = b"") -> None:
        """Answer a packet by its id: PUBACK, or SUBACK."""
        at = 2 + int.from_bytes(packet.body[:2], "big") if packet.kind == PUBLISH else 0
        self.line.sendall(packed(first, packet.body[at : at + 2] + body))

    def publish(self, payload: bytes, topic: bytes = b"down/ack") -> None:
        """Send a message to the device, QoS 0."""
        self.line.sendall(packed(0x30, struct.pack(">H", len(topic)) + topic + payload))

    def _take(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.line.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data
