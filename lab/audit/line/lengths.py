"""One MQTT connection of the device that no key opens: what can be told from the lengths of its records.

The device writes a packet as a record, or, if that is too short for it, as several full ones and a rest. So
what is 2 bytes long is a PINGREQ or a DISCONNECT, what is 4 is a PUBACK, and all else is said: first CONNECT,
then SUBSCRIBE, then messages, each as long as its row makes it.
"""

from lab.audit.capture.stream import At
from lab.audit.line import mqtt
from lab.audit.line.nonsense import MOST, Strange
from lab.audit.line.protection import Suite
from lab.audit.line.records import LARGEST_PLAIN_BYTES
from lab.audit.line.said import Said
from lab.audit.line.sizes import subscribe_bytes
from lab.audit.line.talk import Device

_IN_FLIGHT = 4
"""A client's handshake ends within so many records: certificate, its proof, and Finished."""

_MOST_HANDSHAKE_BYTES = 8192

_SHORT = frozenset({2, 4})


class Lengths:
    """Counts both sides, in order."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._records = self._answers = self._short = self._sum = 0
        self._subscribed = self._greeted = False
        self.level = 0
        self.said: list[Said] = []
        self.strange: list[Strange] = []
        self.unread = ""
        self.handshake = 0
        """Bytes of the client's handshake that are encrypted: its certificate, if it shows one."""

    def over(self, at: At) -> None:
        """There is no more. A handshake is written at once, and whoever ends one has something to say."""
        if self._records and not self._greeted:
            self._tell(f"{self.handshake} bytes of a handshake that has no end", at)
        elif self.handshake > _MOST_HANDSHAKE_BYTES:
            self._tell(f"a handshake of {self.handshake} bytes", at)
        elif self._greeted and not self.said:
            self.unread = self.unread or "nothing was said over it"

    @property
    def rest(self) -> int:
        """How many bytes have come of a packet that goes on."""
        return self._sum

    def take(self, from_device: bool, count: int, suite: Suite, at: At) -> None:
        """The next record of one side has `count` bytes in it."""
        if not from_device:
            self._answers += 1
        elif not self._greeted:
            self._shake(count, suite)
        elif self._sum or count not in _SHORT:
            self._say(count, at)
        else:
            self._short += 1
            if self._short > self._answers + 1:
                self._tell("a short record that answers nothing", at)

    def _shake(self, count: int, suite: Suite) -> None:
        """The handshake is over with a Finished, whose length is known."""
        self._records += 1
        self.handshake += count
        self._greeted = count == 4 + suite.hash_bytes
        if not self._greeted and self._records >= _IN_FLIGHT:
            self.unread = "a handshake whose end cannot be seen without its keys"
            self._greeted = True

    def _say(self, count: int, at: At) -> None:
        self._sum += count
        if count == LARGEST_PLAIN_BYTES:
            return
        packet, self._sum = self._sum, 0
        if self.said and not self._subscribed:
            self._subscribe(packet, at)
        elif len(self.said) > self._device.most:
            self._tell("far more messages than its ledger has rows", at)
        else:
            self.said.append(Said(bool(self.said), packet, at, sealed=True, level=self.level))

    def _subscribe(self, packet: int, at: At) -> None:
        """Its length tells which MQTT is spoken."""
        self._subscribed = True
        wants = self._device.wants
        self.level = next(
            (level for level in (mqtt.THREE, mqtt.FIVE) if packet == subscribe_bytes(wants, level)), 0
        )
        if not self.level:
            self._tell(f"{packet} bytes where a SUBSCRIBE should be", at)
        self.said[0] = self.said[0]._replace(level=self.level)

    def _tell(self, what: str, at: At) -> None:
        if len(self.strange) < MOST:
            self.strange.append(Strange(what, at))
