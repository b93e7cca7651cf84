"""Every packet that came to the door, in order. It never forgets one, and never changes one."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from lab.kit import packets
from lab.kit.errors import NotSeen
from lab.kit.faults import Way
from lab.kit.packets import Packet


class Passed(NamedTuple):
    """A packet that came to the door. `at_s` is monotonic; `sample` is the world's, None where none turns."""

    at_s: float
    sample: int | None
    client: str
    way: Way
    kind: str
    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int | None
    raw: bytes


class Record:
    """What passed, and whoever waits for it. `now`: the sample the world has reached."""

    def __init__(self, now: Callable[[], int | None]) -> None:
        self.packets: list[Passed] = []
        self._now = now
        self._news = threading.Condition()

    def note(self, client: str, way: Way, packet: Packet) -> None:
        """Note a packet down."""
        sample = self._now()
        with self._news:
            self.packets.append(
                Passed(
                    monotonic(), sample, client, way, packet.kind, packet.topic, packet.payload, packet.qos,
                    packet.retain, packet.dup, packet.packet_id, packet.raw,
                )
            )  # fmt: skip
            self._news.notify_all()

    def published(self, topic_filter: str, way: Way) -> list[Passed]:
        """The PUBLISHes that went this way on topics that fit."""
        with self._news:
            return [each for each in self.packets if _is(each, topic_filter, way)]

    def wait_for(self, topic_filter: str, count: int, way: Way, within_s: float) -> list[Passed]:
        """Return the PUBLISHes that fit once there are `count`. Raises NotSeen."""
        with self._news:
            self._news.wait_for(lambda: len(self.published(topic_filter, way)) >= count, within_s)
            found = self.published(topic_filter, way)
        if len(found) < count:
            raise NotSeen(
                f"{topic_filter}: {len(found)} of {count} came within {within_s:g} s; see broker.packets"
            )
        return found

    def wait_until_taken(self, client: str, topic: str, since: int, within_s: float) -> None:
        """Return once a client has confirmed a message on that topic. Raises NotSeen."""
        with self._news:
            if not self._news.wait_for(lambda: _taken(self.packets[since:], client, topic), within_s):
                raise NotSeen(
                    f"{topic}: {client} confirmed no message within {within_s:g} s; see broker.packets"
                )


def _taken(packets_since: list[Passed], client: str, topic: str) -> bool:
    came: set[int | None] = set()
    for packet in packets_since:
        if packet.client == client and _is(packet, topic, "down"):
            came.add(packet.packet_id)
        elif (packet.client, packet.kind, packet.way) == (
            client,
            "PUBACK",
            "up",
        ) and packet.packet_id in came:
            return True
    return False


def _is(packet: Passed, topic_filter: str, way: Way) -> bool:
    return packet.kind == "PUBLISH" and packet.way == way and packets.matches(topic_filter, packet.topic)
