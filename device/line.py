"""The conversation with the cloud, between the loop and the uplink: status out, orders in.

It runs in the loop's thread and takes a bounded number of messages a frame, and one command, which is a write
to the disk, so that a flood from the network can't keep the loop from the microphone.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

from device.delivery import Delivery
from device.envelope import topics
from device.errors import DiskError
from device.orders import Command, Keys, Order, Orders, Refused
from device.outbox import Departure, Outbox
from device.status import Status, to_bytes
from device.uplink import Caller, Kind, News, Uplink
from device.witness import Tell, nobody, tell_departure
from hardware.board import RATE_HZ

_AT_ONCE = 64
"""News taken in one frame."""

_BYTES_AT_ONCE = 32_768
"""In one frame no more is taken after so many bytes: what is long takes long to check."""

_CHECKPOINT_EVERY = RATE_HZ
"""Samples between two checkpoints that somebody asked for: each is a write to the disk."""

_CONFIRMED_WITHIN = 20 * RATE_HZ
"""A broker that lives and confirms nothing for so many samples has lost its confirmations: what flies would
fly for ever, and keep its place in the window, so the connection is made anew.
"""

_PAUSE_SAMPLES, _LONGEST_PAUSE_SAMPLES = 2 * RATE_HZ, 64 * RATE_HZ
"""So long is a disk that refuses left alone, at first and at most."""


def caller(device: str, boot: str) -> Caller:
    """Who calls: the device, its last will (retained), and what it hears: its own topics and the cloud's
    keys.
    """
    will = to_bytes(Status(v=1, device=device, boot=boot, state="lost"))
    own = (topics.ack, topics.response, topics.command, topics.certificate)
    heard = (topics.KEYS, *(topic(device) for topic in own))
    return Caller(device, topics.status(device), will, heard)


class Line:
    """Status, checkpoints and orders of one device. `links` counts how often it came up; `spoken` and
    `confirmed` count what is not kept of this connection: sent, and confirmed by the broker, which does so in
    order; what comes after something that it refused counts no more.

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
        self._connected = self._greeted = self.up = self._forbidden = False
        self._now = self._again_at = self._next_checkpoint = self._confirmed_at = 0
        self._pause = _PAUSE_SAMPLES
        self.links = self.spoken = self.confirmed = 0
        self.refused: Counter[str] = Counter()
        self._told_forbidden: set[str] = set()

    @property
    def dropped(self) -> int:
        """How many messages were too large, or came while too many waited, and were never looked at."""
        return self._uplink.lost

    def start(self) -> None:
        """Begin to connect."""
        self._uplink.start()

    def take(self, now: int) -> Iterator[Order]:
        """Take what has arrived: do what concerns the line itself, yield what concerns the speaker.

        Raises:
            DeviceError: the uplink can't go on.
        """
        self._now = now
        self._link(now)
        self._renew_if_nothing_is_confirmed(now)
        taken = 0
        for _ in range(min(_AT_ONCE, len(self.inbox))):
            news = self._uplink.take()
            taken += len(news.payload)
            if news.kind is not Kind.ARRIVED:
                self._note(news, now)
                continue
            order = self._arrived(news, now)
            if order is not None:
                yield order
            if taken > _BYTES_AT_ONCE or isinstance(order, Command):
                return

    def publish_status(self, state: Literal["online", "offline"]) -> None:
        """Say, retained, whether the device is there."""
        status = Status(v=1, device=self._device, boot=self._boot, state=state, ledger=self._outbox.size)
        self.publish("status", topics.status(self._device), to_bytes(status), retain=True)

    def publish_checkpoint(self, now: int, since: int | None = None) -> None:
        """Send the signed head of the ledger, unless one was sent less than a second ago; with the proof that
        it goes on from `since` rows, if that can be proved.
        """
        if now < self._next_checkpoint:
            return
        self._next_checkpoint = now + _CHECKPOINT_EVERY
        topic = topics.checkpoint(self._device)
        self._send(lambda: self._outbox.leave_head(topic, since), retain=False)

    def stop(self) -> None:
        """Say goodbye and disconnect; the second even if the first can't be written down."""
        try:
            if self.up:
                self.publish_status("offline")
        finally:
            self._uplink.stop()

    def _note(self, news: News, now: int) -> None:
        match news.kind:
            case Kind.SENT:
                self._confirmed_at = now
                self.confirmed += news.seq is None and not self._forbidden
                self._delivery.sent(news.seq)
            case Kind.REFUSED:
                self._confirmed_at = now
                self._not_taken(news)
            case Kind.UP:
                self._connected = True
                self._link(now)
            case Kind.DOWN:
                self._connected = self._greeted = self._forbidden = False
                self.spoken = self.confirmed = 0
                self._link(now)
            case Kind.FAILED:
                self._tell("unreachable", why=news.why)
            case Kind.FAULT:
                if news.fault is not None:
                    raise news.fault

    def _not_taken(self, news: News) -> None:
        """The broker refused a message: whoever set it up is told, once for each reason."""
        self._forbidden = self._forbidden or news.seq is None
        self._delivery.refused(news.seq)
        if news.why not in self._told_forbidden:
            self._told_forbidden.add(news.why)
            self._tell("forbidden", topic=news.topic, why=news.why)

    def _renew_if_nothing_is_confirmed(self, now: int) -> None:
        if not self._delivery.moving:
            self._confirmed_at = now
        elif now - self._confirmed_at > _CONFIRMED_WITHIN:
            self._uplink.renew()
            self._confirmed_at = now

    def _arrived(self, news: News, now: int) -> Order | None:
        order = self._orders.take(news.topic, news.payload, news.retained)
        if isinstance(order, Refused):
            self.refused[order.why] += 1
        elif isinstance(order, Keys):
            self._greeted = True
            self._link(now)
        else:
            return order
        return None

    def _link(self, now: int) -> None:
        up = self._connected and self._greeted and now >= self._again_at
        if up == self.up:
            return
        self.up = up
        self._tell("link", up=up)
        if up:
            self.links += 1
            self.publish_status("online")
            if not self.up:
                return
            self._pause = _PAUSE_SAMPLES
        self._delivery.link(up, now)

    def _rest(self) -> None:
        """Be down for a while, each time twice as long."""
        if self.up:
            self._again_at = self._now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SAMPLES)
            self._link(self._now)

    def publish(self, kind: str, topic: str, payload: bytes, *, retain: bool) -> None:
        """Send a message that is not kept; its row is on disk first. When the disk refuses it, it does not
        leave, and the line is not up until the disk has been tried again.
        """
        self._send(lambda: self._outbox.leave(kind, topic, payload, "live"), retain=retain)

    def _send(self, leave: Callable[[], Departure], *, retain: bool) -> None:
        try:
            departure = leave()
        except DiskError:
            self._rest()
            return
        tell_departure(self._tell, departure)
        self._uplink.publish(departure, retain=retain)
        self.spoken += 1
