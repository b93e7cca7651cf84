"""One client's connection through the door: carries packets both ways, by way of the faults.

It never answers in the broker's place but to refuse, and never changes what no fault was asked to change.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from lab.kit import packets
from lab.kit.faults import Faults, Ids, Way
from lab.kit.packets import Framer, Packet
from lab.kit.traffic import Traffic

_AT_ONCE = 1 << 16
_PATIENCE_S = 10.0


class Watch(Protocol):
    """Who owns the door: told of every packet, and asked whether a client's packets meet the faults."""

    def passed(self, client: str, way: Way, packet: Packet) -> None:
        """A packet came to the door; what the faults make of it is still open."""

    def aims_at(self, client: str) -> bool:
        """Whether the faults are meant for this client."""

    def changed(self) -> None:
        """A packet has been dealt with, or a connection has ended."""

    def hand_on(self, send: Callable[[bytes], None], data: bytes) -> None:
        """Send this on, now or later."""


class Connection:
    """One client's connection and the one to the broker that belongs to it."""

    def __init__(
        self,
        client: socket.socket,
        broker: socket.socket,
        faults: Faults,
        watch: Watch,
        session: Callable[[str], set[str]],
    ) -> None:
        self.client = ""
        self.traffic = Traffic()
        self.dead = threading.Event()
        self._level = 4
        self._last: int | None = (
            None  # the PUBLISH after which the line broke, until the broker has confirmed it
        )
        self._ids = Ids()
        self._faults = faults
        self._watch = watch
        self._session = session
        self._near, self._far = client, broker
        self._sending = {"up": threading.Lock(), "down": threading.Lock()}
        self._down = threading.Thread(target=self._carry, name="door down", daemon=True)
        self._up = threading.Thread(target=self._pump, args=("up",), name="door up", daemon=True)

    def start(self) -> None:
        """Begin to carry."""
        self._down.start()

    def join(self) -> None:
        """Return once both ends are closed."""
        self._down.join(_PATIENCE_S)

    def cut(self) -> None:
        """Break the line: the client sees the end of it at once, the broker gets all that was sent on."""
        self.dead.set()
        self._last = None
        with suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)
        self._end_far()

    def _end_far(self) -> None:
        """Half of it: closing with an answer unread would take back what was sent."""
        with suppress(OSError):
            self._far.shutdown(socket.SHUT_WR)

    def send_up(self, data: bytes) -> None:
        """Send to the broker."""
        self._send("up", self._far, data)

    def send_down(self, data: bytes) -> None:
        """Send to the client."""
        self._send("down", self._near, data)

    def _send(self, way: Way, sink: socket.socket, data: bytes) -> None:
        with self._sending[way], suppress(OSError):
            sink.sendall(data)

    def _carry(self) -> None:
        self._up.start()
        self._pump("down")
        self.dead.set()
        with suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)
        self._up.join()
        self._near.close()
        self._far.close()
        self._watch.changed()

    def _pump(self, way: Way) -> None:
        source, framer = (self._near if way == "up" else self._far), Framer()
        with suppress(OSError):
            while data := source.recv(_AT_ONCE):
                for raw in framer.feed(data):
                    self._take(way, raw)
                if framer.broken:  # whatever it is, the other side is to deal with it
                    self._take_as_it_is(way, framer)
        if way == "up":
            self.dead.set()
            self._watch.changed()
            if self._last is None:
                self._end_far()

    def _take(self, way: Way, raw: bytes) -> None:
        try:
            packet = packets.parse(raw, self._level)
        except packets.MalformedPacket:
            packet = Packet("MALFORMED", raw)
        if packet.kind == "CONNECT":
            self.client, self._level = packet.client, packet.level
        self._watch.passed(self.client, way, packet)
        self.traffic.note(way, packet)
        if self._last is not None and (way, packet.kind, packet.packet_id) == ("down", "PUBACK", self._last):
            self.cut()
        send = self.send_up if way == "up" else self.send_down
        if not self._watch.aims_at(self.client):
            send(raw)
        elif not self.dead.is_set():
            self._treat(way, packet, send)
        if packet.session_present:
            self.traffic.filters.update(self._session(self.client))
        self._watch.changed()

    def _treat(self, way: Way, packet: Packet, send: Callable[[bytes], None]) -> None:
        treated = self._faults.treat(packet, way, self._level, self._ids, send)
        if treated.back:
            self.send_down(treated.back)
        if treated.cut:
            self.dead.set()  # first, so that no answer to what goes on now comes back
            whole = treated.on and len(treated.on[-1]) >= len(packet.raw)
            self._last = (
                packet.packet_id if whole else None
            )  # a broker may drop what it reads just before an end
            with suppress(OSError):
                self._near.shutdown(socket.SHUT_RDWR)
        for data in treated.on:
            self._watch.hand_on(send, data)
        if treated.cut and self._last is None:
            self.cut()

    def _take_as_it_is(self, way: Way, framer: Framer) -> None:
        rest, framer.rest = framer.rest, b""
        self._watch.passed(self.client, way, Packet("MALFORMED", rest))
        (self.send_up if way == "up" else self.send_down)(rest)
