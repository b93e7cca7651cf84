"""What is under way on one connection, by its packets: published and not confirmed, delivered and not taken.

It counts what passes and changes nothing.
"""

from collections import Counter

from lab.kit.faults import Way
from lab.kit.packets import Packet


class Traffic:
    """The state of one connection as its packets tell it.

    A message that came down is taken once the client has confirmed it (paho does so after handing it over), or,
    of QoS 0, at once.
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
        match way, packet.kind:
            case "up", "PUBLISH":
                self.published += 1
                if packet.qos:
                    self._unconfirmed.add(packet.packet_id)
            case "down", "PUBACK" | "PUBCOMP":
                self._unconfirmed.discard(packet.packet_id)
            case "down", "PUBLISH" if packet.qos:
                self._untaken[packet.packet_id] = packet.topic
            case "down", "PUBLISH":
                self.taken[packet.topic] += 1
            case "up", "PUBACK" | "PUBCOMP" if packet.packet_id in self._untaken:
                self.taken[self._untaken.pop(packet.packet_id)] += 1
            case "up", "SUBSCRIBE":
                self._asked[packet.packet_id] = packet.filters
            case "down", "SUBACK":
                self.filters.update(self._asked.pop(packet.packet_id, ()))
            case "up", "DISCONNECT":
                self.said_goodbye = True
