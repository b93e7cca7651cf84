"""What can be seen at a broker's door: packets, who is connected, who listens, what is still under way.

Looking changes nothing.
"""

from lab.kit import packets
from lab.kit.connection import Connection
from lab.kit.door import Door
from lab.kit.faults import Way
from lab.kit.record import Passed, Record


class Seen:
    """A broker's record and its door, asked from any thread."""

    def __init__(self, record: Record, door: Door) -> None:
        self._record = record
        self._door = door

    @property
    def packets(self) -> list[Passed]:
        """Every packet that came to the door, of every client and both ways, in order, before any fault."""
        return self._record.packets

    def published(self, topic_filter: str = "#", *, way: Way = "up") -> list[Passed]:
        """The PUBLISHes among them on topics that fit; `up` from clients, `down` to them."""
        return self._record.published(topic_filter, way)

    def wait_for(
        self, topic_filter: str, count: int = 1, *, way: Way = "up", within_s: float = 10.0
    ) -> list[Passed]:
        """Return those that fit once there are `count`. Raises NotSeen after `within_s` of real time."""
        return self._record.wait_for(topic_filter, count, way, within_s)

    def wait_until_taken(self, client: str, topic: str, *, since: int = 0, within_s: float = 10.0) -> None:
        """Return once a client has confirmed a message (QoS 1) on that topic, later than `packets[since]`.

        Raises NotSeen after `within_s` of real time.
        """
        self._record.wait_until_taken(client, topic, since, within_s)

    def connected(self, client: str) -> bool:
        """Whether a client of that id has a connection that stands."""
        return bool(self._standing(client))

    def welcomed(self, client: str, topic: str) -> bool:
        """Whether that client has taken a message on that topic, on the connection that stands."""
        return any(each.traffic.taken[topic] for each in self._standing(client))

    def welcomes(self, client: str, topic: str) -> int:
        """On how many connections, ever, that client has taken a message on that topic."""
        return sum(each.traffic.taken[topic] > 0 for each in self._door.of(client))

    def taken(self, client: str, topic: str) -> int:
        """How many messages that client has taken on that topic, ever."""
        return sum(each.traffic.taken[topic] for each in self._door.of(client))

    def published_by(self, client: str) -> int:
        """How many messages that client has published on the connection that stands."""
        return sum(each.traffic.published for each in self._standing(client))

    def quiet(self, client: str) -> bool:
        """Whether nothing between broker and client, either way, is still unconfirmed."""
        return all(each.traffic.quiet for each in self._standing(client))

    def listens(self, topic: str) -> bool:
        """Whether any client has subscribed to that topic."""
        return any(packets.matches(each, topic) for each in self._door.filters())

    def expects(self, topic: str) -> bool:
        """Whether a client that had subscribed to that topic lost its connection and is not back yet."""
        return any(packets.matches(each, topic) for each in self._door.filters(lost=True))

    def _standing(self, client: str) -> list[Connection]:
        return [each for each in self._door.connections if each.client == client]
