"""The conversation with the cloud, between the loop and the uplink: status out, orders in.

It runs in the loop's thread and takes a bounded number of messages a frame, so that a flood from the
network can't keep the loop from the microphone.
"""

from collections import Counter
from collections.abc import Iterator

import rfc8785

from device.delivery import Delivery
from device.envelope import topics
from device.orders import Keys, Order, Orders, Refused
from device.outbox import Outbox
from device.uplink import Caller, Kind, News, Uplink
from device.witness import Tell, nobody, tell_departure

_AT_ONCE = 64
"""News taken in one frame."""


def caller(device: str, boot: str) -> Caller:
    """Who calls: the device, its last will (retained), and the three topics it listens to, and the cloud's
    keys.
    """
    will = rfc8785.dumps({"v": 1, "device": device, "boot": boot, "state": "lost"})
    heard = (topics.KEYS, topics.ack(device), topics.response(device), topics.command(device))
    return Caller(device, topics.status(device), will, heard)


class Line:
    """Status, checkpoints and orders of one device.

    It is `up` once the cloud has spoken on the connection: its keys note, retained, arrives at every one. A
    broker behind which no cloud listens gets nothing, so nothing is lost there.
    """

    def __init__(
        self,
        me: tuple[str, str],
        outbox: Outbox,
        uplink: Uplink,
        delivery: Delivery,
        orders: Orders,
        tell: Tell = nobody,
    ) -> None:
        self._device, self._boot = me
        self._outbox = outbox
        self._uplink = uplink
        self._delivery = delivery
        self._orders = orders
        self._tell = tell
        self.inbox = uplink.inbox
        self.arrived = uplink.arrived
        self._connected = self._greeted = self.up = False
        self.refused: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to connect."""
        self._uplink.start()

    def take(self, now: int) -> Iterator[Order]:
        """Take what has arrived: do what concerns the line itself, yield what concerns the speaker.

        Raises:
            DeviceError: the uplink can't go on (its ledger row could not be written).
        """
        for _ in range(min(_AT_ONCE, len(self.inbox))):
            news = self._uplink.take()
            match news.kind:
                case Kind.ARRIVED:
                    yield from self._arrived(news, now)
                case Kind.SENT:
                    self._delivery.sent(news.seq)
                case Kind.UP:
                    self._connected = True
                    self._link(now)
                case Kind.DOWN:
                    self._connected = self._greeted = False
                    self._link(now)
                case Kind.FAULT:
                    if news.fault is not None:
                        raise news.fault

    def publish_status(self, state: str) -> None:
        """Say, retained, how the device is: `online` or `offline`."""
        fields: dict[str, str | int] = {
            "v": 1,
            "device": self._device,
            "boot": self._boot,
            "state": state,
            "ledger": self._outbox.size,
        }
        self._publish("status", topics.status(self._device), rfc8785.dumps(dict(fields)), retain=True)

    def publish_checkpoint(self) -> None:
        """Send the signed head of the ledger."""
        head = self._outbox.checkpoint().encode()
        self._publish("checkpoint", topics.checkpoint(self._device), head, retain=False)

    def stop(self) -> None:
        """Say goodbye and disconnect; the second even if the first can't be written down."""
        try:
            if self.up:
                self.publish_status("offline")
        finally:
            self._uplink.stop()

    def _arrived(self, news: News, now: int) -> Iterator[Order]:
        order = self._orders.take(news.topic, news.payload, news.retained)
        if isinstance(order, Refused):
            self.refused[order.why] += 1
        elif isinstance(order, Keys):
            self._greeted = True
            self._link(now)
        else:
            yield order

    def _link(self, now: int) -> None:
        up = self._connected and self._greeted
        if up == self.up:
            return
        self.up = up
        self._tell("link", up=up)
        if up:
            self.publish_status("online")
        self._delivery.link(up, now)

    def _publish(self, kind: str, topic: str, payload: bytes, *, retain: bool) -> None:
        departure = self._outbox.leave(kind, topic, payload, "live")
        tell_departure(self._tell, departure)
        self._uplink.publish(departure, retain=retain)
