"""A broker with faults: a real one, and a door in front of it where every packet is seen and can go wrong.

It speaks what the real one speaks (mosquitto: MQTT 5 and 3.1.1; amqtt: 3.1.1), on loopback and never in TLS:
faults within packets need to see the packets.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from cloud_stub.broker import Broker, open_broker
from cloud_stub.loopback import HOST
from lab.kit import packets
from lab.kit.connection import Connection
from lab.kit.delays import EVER, Delays
from lab.kit.door import Door
from lab.kit.errors import KitError
from lab.kit.faults import Faults, Way
from lab.kit.packets import Packet
from lab.kit.publish import publish
from lab.kit.record import Record
from lab.kit.seen import Seen

Kind = Literal["auto", "mosquitto", "amqtt"]
"""Which real broker stands behind; `auto` is mosquitto where it is installed."""


class MockBroker(Seen):
    """One broker for speakers and for your ingest alike, at `host` and `port`. `with` starts and stops it.

    Faults hit the clients whose id fits `aim`, a pattern that takes in every speaker and nobody else; aim
    elsewhere to try your ingest's own connection. They stay until `clear`, but for those that count. Any
    thread may call any of it.
    """

    host = HOST

    def __init__(
        self,
        directory: Path,
        kind: Kind = "auto",
        aim: str = "ovh-*",
        behind: Broker | None = None,
    ) -> None:
        """`behind` is a broker of your own, not yet started; without it one is made in `directory`.

        Raises:
            KitError: there is no such kind. BrokerError: it is not installed.
        """
        if kind not in get_args(Kind):
            raise KitError(f"broker {kind!r}: no such broker; one of {', '.join(get_args(Kind))}")
        self.aim = aim
        self.told: Callable[[], None] = lambda: None
        """Called after every packet and at the end of every connection, from the door's threads."""
        self._sample: Callable[[], int] | None = None
        self._real = behind or open_broker(kind, 0, directory)
        self._faults = Faults()
        self._delays = Delays(self._now)
        super().__init__(Record(self._now), Door(self._real.port, self._faults, self))
        self._retained: dict[str, bytes] = {}

    @property
    def port(self) -> int:
        """Where clients call."""
        return self._door.port

    @property
    def kind(self) -> str:
        """Which real broker is behind: mosquitto or amqtt."""
        return self._real.kind

    @property
    def lets_in(self) -> bool:
        """Whether a speaker that calls now will be welcomed."""
        return self._door.is_open and self._faults.lets_in

    @property
    def withholds(self) -> bool:
        """Whether a fault keeps packets back, so that waiting for them is in vain."""
        return self._delays.holds or self._faults.withholds

    @property
    def confirms(self) -> bool:
        """Whether the broker's confirmations come back."""
        return self._faults.confirms

    # -- faults between packets, and within them ---------------------------------------------------

    def cut(
        self,
        *,
        after_publishes: int | None = None,
        within_publish: int | None = None,
        after_bytes: int | None = None,
    ) -> None:
        """Break the line without a goodbye, once; the client may come back at once.

        Now; or after so many PUBLISHes from a client, counted from now, the last of which still reaches the
        broker and is not confirmed; or within one, counted so too, after some of its bytes (1).

        Raises:
            KitError: bytes of which PUBLISH, or both ways at once.
        """
        if within_publish is None and after_bytes is not None:
            raise KitError("cut: after_bytes of which PUBLISH? say within_publish=7 too")
        if within_publish is not None and after_publishes is not None:
            raise KitError("cut: after a PUBLISH or within one, not both; leave one out")
        if within_publish is not None:
            self._faults.cut_at(within_publish, 1 if after_bytes is None else after_bytes)
        elif after_publishes is not None:
            self._faults.cut_at(after_publishes, None)
        else:
            for connection in self._aimed():
                connection.cut()

    def duplicate(self, times: int = 1) -> None:
        """Hand each PUBLISH of a client on so many times more, as a fresh packet: another id, no DUP flag.

        QoS 0 and 1. The client never sees the confirmations of the copies.
        """
        self._faults.set(copies=times)

    def reorder(self, pairs: float = EVER) -> None:
        """Let each PUBLISH of a client change places with the one after it, for so many pairs.

        One that nothing follows waits until something does, or `clear`, or is lost with its connection.
        """
        self._faults.swap(pairs)

    def delay(self, ms: float) -> None:
        """Hand every packet on `ms` later, both ways, in order.

        In sample time where a speaker's world turns (and it goes on turning meanwhile), else in real time.
        """
        self._delays.set(ms)

    def refuse(self, reason: str = "not authorized") -> None:
        """Answer every CONNECT with a CONNACK that says why not, in its own MQTT version, and hang up.

        Who is connected stays. Reasons: `lab.kit.packets.REFUSALS`.
        """
        self._faults.refuse(reason)

    def silence(self) -> None:
        """Accept TCP and pass nothing on, either way, for new connections and for those that stand.

        A client takes its keep-alive to notice; with `cut` it finds out at once. Connections that were silent
        end with the fault: what was swallowed cannot be made up for.
        """
        self._faults.set(silent=True)

    def drop_acks(self) -> None:
        """Swallow the broker's PUBACKs: messages arrive, and their sender does not learn of it."""
        self._faults.set(drop_acks=True)

    def corrupt(self, times: float = 1, *, way: Way = "up") -> None:
        """Invert a byte in the payload of so many PUBLISHes: `up` to the broker, or `down` to the client."""
        self._faults.damage(times, way)

    def malformed(self) -> None:
        """Send the clients something that is no MQTT packet, now."""
        for connection in self._aimed():
            connection.send_down(packets.MALFORMED)

    def clear(self) -> None:
        """End every fault but `down`; what was delayed or waited to change places goes on now."""
        if self._faults.silent:
            self.cut()
        self._faults.clear()()
        self._delays.clear()

    def down(self, *, kill: bool = False) -> None:
        """Stop the broker for everybody: nobody can connect. `kill`: as a power cut would, without a goodbye.

        It forgets sessions, and what was retained but for `retain`.
        """
        self._door.shut()
        if kill:
            self._real.kill()
        else:
            self._real.stop()
        self._door.empty()

    def up(self) -> None:
        """Start it again on the same port."""
        self._real.start()
        for topic, payload in self._retained.items():
            self._publish(topic, payload)
        self._door.open()

    def restart(self, *, kill: bool = False) -> None:
        """Down, and up again."""
        self.down(kill=kill)
        self.up()

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Meanwhile nobody new can connect and those aimed at are cut off; the broker itself lives on."""
        was_open = self._door.is_open
        self._door.shut()
        try:
            self.cut()
            yield
        finally:
            if was_open:
                self._door.open()

    def retain(self, topic: str, payload: bytes) -> None:
        """Publish a retained message as an operator would, now, and again whenever the broker was down."""
        self._retained[topic] = payload
        if self._door.is_open:
            self._publish(topic, payload)

    # -- the world it stands in, and what the door asks --------------------------------------------

    def turn_with(self, sample: Callable[[], int] | None) -> None:
        """Count in the samples of a world from now on, or with None in real time again."""
        self._sample = sample

    def tick(self) -> None:
        """Hand on what is due; who turns a world calls this before each frame."""
        self._delays.tick()

    def passed(self, client: str, way: Way, packet: Packet) -> None:
        """See `door.Watch`."""
        self._record.note(client, way, packet)

    def aims_at(self, client: str) -> bool:
        """See `door.Watch`."""
        return fnmatchcase(client, self.aim)

    def changed(self) -> None:
        """See `door.Watch`."""
        self.told()

    def hand_on(self, send: Callable[[bytes], None], data: bytes) -> None:
        """See `door.Watch`."""
        self._delays.take(send, data)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._delays.stop()
        self.down()

    def _now(self) -> int | None:
        return self._sample() if self._sample is not None else None

    def _aimed(self) -> list[Connection]:
        return [each for each in self._door.connections if self.aims_at(each.client)]

    def _publish(self, topic: str, payload: bytes) -> None:
        publish(self._real.port, topic, payload, retain=True)
