"""One MQTT connection of the device, in the clear: what it said, and what it had no reason to say.

The device speaks as docs/wire-format.md has it: CONNECT, one SUBSCRIBE to what is its own, then messages of
QoS 1 whose ids count up, each once; it confirms what it got, pings, and says goodbye. Anything beyond, if
only a flag, is somewhere to hide a bit.
"""

from collections import deque
from hashlib import sha256
from typing import NamedTuple

from device.envelope import topics
from lab.audit.capture.stream import At
from lab.audit.line import mqtt
from lab.audit.line.nonsense import MOST, Nonsense, Strange
from lab.audit.line.packets import Packets
from lab.audit.line.said import Said

_RETAINED = frozenset({"status", "state"})
_MOST_WAITING = 65_535


class Device(NamedTuple):
    """Whose line it is, how often it says that it is there, where that is known, and how many of its messages
    are kept: a ledger has no more rows.
    """

    name: str
    alive_s: int | None = None
    most: int = 1 << 20

    @property
    def wants(self) -> tuple[str, ...]:
        """What it subscribes to."""
        own = (topics.ack, topics.response, topics.command, topics.certificate)
        return (topics.KEYS, *(topic(self.name) for topic in own))


class Talk:
    """Hears both sides in order, and keeps what the device said."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._packets = {True: Packets(), False: Packets()}
        self._came: deque[int] = deque()
        self._waits: dict[int, int] = {}
        self._next_id = 1
        self._pinged = self._subscribed = False
        self.level = 0
        self.form: tuple[object, ...] | None = None
        self.said: list[Said] = []
        self.confirmed: set[int] = set()
        """Which of `said`, by index, the broker confirmed."""
        self.strange: list[Strange] = []
        self.bye = False

    @property
    def rest(self) -> int:
        """How many bytes the device sent of a packet that never was whole."""
        return self._packets[True].rest

    def hear(self, from_device: bool, data: bytes, at: At) -> int:
        """Take the next bytes of one side; return how many of the device's are in no whole packet yet.

        Raises Nonsense where what follows cannot be read.
        """
        for first, body, size in self._packets[from_device].feed(data):
            if not from_device:
                self._answer(first, body)
            elif self.bye:
                self._tell(f"{size} bytes after it said goodbye", at)
            else:
                self._take(first, body, size, at)
        return self.rest

    def _take(self, first: int, body: bytes, size: int, at: At) -> None:
        kind = first >> 4
        if (kind == mqtt.CONNECT) != (self.form is None):
            raise Nonsense("a connection that does not begin with one CONNECT")
        match kind:
            case mqtt.CONNECT:
                self._connect(mqtt.connect(first, body), size, at)
            case mqtt.PUBLISH:
                self._publish(mqtt.publish(first, body, self.level), size, at)
            case mqtt.SUBSCRIBE:
                self._subscribe(mqtt.subscribe(first, body, self.level), at)
            case mqtt.PUBACK:
                self._confirm(*mqtt.confirmed(first, body), at)
            case mqtt.PINGREQ | mqtt.DISCONNECT if not body and not first & 15:
                self._short(kind, at)
            case _:
                self._tell(f"a packet of MQTT of {size} bytes that the device has no use for", at)

    def _connect(self, said: mqtt.Connect, size: int, at: At) -> None:
        self.level, self.form = said.level, said.form
        if said.client != self._device.name:
            self._tell(f"a CONNECT as {said.client!r}, which is not {self._device.name}", at)
        if self._device.alive_s not in (None, said.alive_s):
            self._tell(f"a CONNECT that says every {said.alive_s} s, and it was told otherwise", at)
        for more in said.more:
            self._tell(f"{more} in a CONNECT", at)
        topic, payload = (said.will.topic, said.will.payload) if said.will else ("", b"")
        if said.will is not None and (said.will.qos, said.will.retain) != (1, True):
            self._tell("a last will of another kind than the device's", at)
        digest = sha256(payload).hexdigest() if said.will else ""
        self.said.append(Said(False, size, at, topic, len(payload), digest, level=said.level))

    def _publish(self, said: mqtt.Publish, size: int, at: At) -> None:
        if said.more:
            self._tell(f"{said.more} bytes of properties in a PUBLISH", at)
        if said.qos != 1 or said.again:
            self._tell("a PUBLISH that is sent otherwise than once, with QoS 1", at)
        topic = topics.parse(said.topic)  # none: what a home reads to discover the device
        if said.retain != (topic is None or topic.kind in _RETAINED):
            self._tell(f"a PUBLISH at {said.topic} with its retain flag turned", at)
        self._number(said.number, at)
        if len(self.said) > self._device.most:
            self._tell("far more messages than its ledger has rows", at)
            return
        self._waits[said.number] = len(self.said)
        self.said.append(Said(True, size, at, said.topic, said.size, said.sha256, level=self.level))

    def _subscribe(self, said: mqtt.Subscribe, at: At) -> None:
        self._number(said.number, at)
        if self._subscribed or said.more or said.wanted != tuple((each, 1) for each in self._device.wants):
            self._tell("a SUBSCRIBE to other than what is the device's own, or once more", at)
        self._subscribed = True

    def _confirm(self, number: int, more: int, at: At) -> None:
        if more or not self._came or self._came.popleft() != number:
            self._tell("a PUBACK of something that did not come, not in order, or with more in it", at)

    def _short(self, kind: int, at: At) -> None:
        if kind == mqtt.DISCONNECT:
            self.bye = True
        elif self._pinged:
            self._tell("a second PINGREQ before the first was answered", at)
        else:
            self._pinged = True

    def _number(self, number: int, at: At) -> None:
        """Packet ids count up, so that nothing can be said with them."""
        if number != self._next_id:
            self._tell(f"packet id {number}, and the next is {self._next_id}", at)
        self._next_id = number % 65_535 + 1

    def _answer(self, first: int, body: bytes) -> None:
        """What the broker says, as far as the device may answer it."""
        kind = first >> 4
        if kind == mqtt.PUBLISH:
            said = mqtt.publish(first, body, self.level)
            if said.qos == 1 and len(self._came) < _MOST_WAITING:
                self._came.append(said.number)
        elif kind == mqtt.PUBACK:
            index = self._waits.pop(int.from_bytes(body[:2], "big"), None)
            if index is not None and (len(body) < 3 or body[2] < 0x80):
                self.confirmed.add(index)
        elif kind == mqtt.PINGRESP:
            self._pinged = False

    def _tell(self, what: str, at: At) -> None:
        if len(self.strange) < MOST:
            self.strange.append(Strange(what, at))
