"""What is under way on one connection, by its packets: published and not confirmed, delivered and not taken.

It counts what passes and changes nothing.
"""

from collections import Counter

from lab.kit.faults import Way
from lab.kit.packets import Packet


class Traffic:
    """The state of one connection as its packets tell it.

    A message that came down is taken once the client has confirmed it (paho does so after it has handed it
    over), or, of QoS 0, at once.
    """

    def __init__(self) -> None:
        self.filters: set[str] = set()
        self.taken: Counter[str] = Counter()
        self.published = 0
        self.said_goodbye = False
        self._asked: dict[int | None, tuple[str, ...]] = {}
        self._unconfirmed: set[int | None] = set()
        self._untaken: dict[int | None, str] = {}

    @property
    def quiet(self) -> bool:
        """Whether every message, up and down, has been confirmed."""
        return not (self._unconfirmed or self._untaken)

    def note(self, way: Way, packet: Packet) -> None:
        """Take a packet into account, before it goes on."""
        if way == "up":
            self._up(packet)
        else:
            self._down(packet)

    def _up(self, packet: Packet) -> None:
        match packet.kind:
            case "PUBLISH":
                self.published += 1
                if packet.qos:
                    self._unconfirmed.add(packet.packet_id)
            case "PUBACK" | "PUBCOMP" if packet.packet_id in self._untaken:
                self.taken[self._untaken.pop(packet.packet_id)] += 1
            case "SUBSCRIBE":
                self._asked[packet.packet_id] = packet.filters
            case "DISCONNECT":
                self.said_goodbye = True

    def _down(self, packet: Packet) -> None:
        match packet.kind:
            case "PUBACK" | "PUBCOMP":
                self._unconfirmed.discard(packet.packet_id)
            case "PUBLISH" if packet.qos:
                self._untaken[packet.packet_id] = packet.topic
            case "PUBLISH":
                self.taken[packet.topic] += 1
            case "SUBACK":
                self.filters.update(self._asked.pop(packet.packet_id, ()))
