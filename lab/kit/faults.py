"""What is wrong with the line: which packets are cut, doubled, swapped, swallowed or damaged, in what order.

It decides about one packet at a time and does nothing itself: `door` has the sockets. Any thread may ask and
set.
"""

import threading
from collections.abc import Callable
from typing import Literal, NamedTuple

from lab.kit import packets
from lab.kit.errors import KitError
from lab.kit.packets import Packet

Way = Literal["up", "down"]
"""`up` is from a client to the broker, `down` from the broker to a client."""


class Treatment(NamedTuple):
    """What becomes of a packet: what goes on, what goes back, and whether the line breaks after it."""

    on: tuple[bytes, ...] = ()
    back: bytes = b""
    cut: bool = False


class Ids:
    """Packet ids for PUBLISHes that are ours, from the far end of the range; so are their PUBACKs."""

    def __init__(self) -> None:
        self._next = 0xFFFF
        self._ours: set[int] = set()

    def new(self) -> int:
        """Return an id that this connection's client has not come to yet."""
        self._next = self._next - 1 if self._next > 0xF000 else 0xFFFE
        self._ours.add(self._next)
        return self._next

    def swallow(self, packet_id: int | None) -> bool:
        """Whether a PUBACK was for one of ours; it is then done with."""
        if packet_id not in self._ours:
            return False
        self._ours.discard(packet_id)
        return True


class _Cut(NamedTuple):
    publishes: int
    """How many more PUBLISHes it takes; the last of them breaks the line."""
    after_bytes: int | None
    """How much of that one goes on; None for all of it."""


class Faults:
    """The faults that are set, and what they make of each packet of the clients they are aimed at."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._heal()

    def _heal(self) -> None:
        self._refusing: str | None = None
        self._silent = self._dropping = False
        self._copies = 0
        self._swaps = 0.0
        self._damage: dict[Way, float] = {"up": 0, "down": 0}
        self._cut: _Cut | None = None
        self._kept: tuple[Callable[[bytes], None], bytes] | None = None
        self.delay_ms = 0.0

    def cut_at(self, publishes: int, after_bytes: int | None) -> None:
        """Break the line at a PUBLISH, counted from now, after so many bytes of it."""
        if publishes < 1 or (after_bytes is not None and after_bytes < 0):
            raise KitError("cut: counts PUBLISH packets from 1 and bytes from 0; give larger numbers")
        with self._lock:
            self._cut = _Cut(publishes, after_bytes)

    def refuse(self, reason: str | None) -> None:
        """Refuse connections with a reason of `packets.REFUSALS`; None lets them in."""
        if reason is not None and reason not in packets.REFUSALS:
            raise KitError(
                f"refuse {reason!r}: MQTT has no such reason; one of {', '.join(packets.REFUSALS)}"
            )
        with self._lock:
            self._refusing = reason

    def set(
        self, *, silent: bool | None = None, drop_acks: bool | None = None, copies: int | None = None
    ) -> None:
        """Set what stays until it is cleared."""
        with self._lock:
            self._silent = self._silent if silent is None else silent
            self._dropping = self._dropping if drop_acks is None else drop_acks
            self._copies = self._copies if copies is None else copies

    def swap(self, times: float) -> None:
        """Let so many pairs of PUBLISHes change places."""
        with self._lock:
            self._swaps = times

    def damage(self, times: float, way: Way) -> None:
        """Damage the payloads of so many PUBLISHes."""
        with self._lock:
            self._damage[way] = times

    def clear(self) -> Callable[[], None]:
        """End every fault; return what sends the packet that waited to change places."""
        with self._lock:
            kept = self._kept
            self._heal()
        return (lambda: kept[0](kept[1])) if kept is not None else lambda: None

    @property
    def silent(self) -> bool:
        """Whether everything is swallowed."""
        return self._silent

    @property
    def lets_in(self) -> bool:
        """Whether a client that calls now will be welcomed."""
        with self._lock:
            return not (self._silent or self._refusing)

    @property
    def withholds(self) -> bool:
        """Whether a packet may not arrive, as things are."""
        with self._lock:
            return self._silent or self._kept is not None

    @property
    def confirms(self) -> bool:
        """Whether PUBACKs come back."""
        with self._lock:
            return not self._dropping

    def treat(
        self, packet: Packet, way: Way, level: int, ids: Ids, send: Callable[[bytes], None]
    ) -> Treatment:
        """Say what becomes of a packet. `send` is how one that is kept back for a while goes on later."""
        with self._lock:
            if self._silent:
                return Treatment()
            if packet.kind == "CONNECT" and self._refusing is not None:
                return Treatment(back=packets.refusal(self._refusing, level), cut=True)
            if way == "down" and packet.kind == "PUBACK":
                ours = ids.swallow(packet.packet_id)
                return Treatment() if ours or self._dropping else Treatment((packet.raw,))
            if packet.kind != "PUBLISH":
                return Treatment((packet.raw,))
            packet = self._damaged(packet, way)
            return self._published(packet, ids, send) if way == "up" else Treatment((packet.raw,))

    def _damaged(self, packet: Packet, way: Way) -> Packet:
        if self._damage[way] < 1:
            return packet
        self._damage[way] -= 1
        return packet._replace(raw=packets.damaged(packet))

    def _published(self, packet: Packet, ids: Ids, send: Callable[[bytes], None]) -> Treatment:
        breaks = False
        if self._cut is not None:
            left, after_bytes = self._cut
            breaks = left == 1
            self._cut = None if breaks else _Cut(left - 1, after_bytes)
            if breaks and after_bytes is not None:
                return Treatment((packet.raw[:after_bytes],), cut=True)
        copies = self._copies if packet.qos < 2 else 0  # QoS 2 is a conversation, not a packet
        on = (packet.raw, *(packets.again(packet, ids.new()) for _ in range(copies)))
        return Treatment(self._swapped(on, send), cut=breaks)

    def _swapped(self, on: tuple[bytes, ...], send: Callable[[bytes], None]) -> tuple[bytes, ...]:
        if self._kept is not None:
            (sender, kept), self._kept = self._kept, None
            return (*on, kept) if sender == send else on  # what a broken connection kept back is lost with it
        if self._swaps < 1:
            return on
        self._swaps -= 1
        self._kept = send, b"".join(on)
        return ()
