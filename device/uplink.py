"""The connection to the broker. It publishes, subscribes and comes back; it holds no policy and no message.

Every connection gets a paho client of its own, and paho's memory of unconfirmed messages goes with it: a
message is written to the socket once for each ledger row and never again behind the ledger's back.
"""

import random
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from math import inf
from time import monotonic
from typing import NamedTuple, Protocol

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.reasoncodes import ReasonCode

from device.config import UplinkSection
from device.dial import LARGEST_BYTES, dial, hang_up, make_client
from device.errors import DeviceError, DiskError
from device.outbox import Departure

_PATIENCE_S = 3.0
"""How long a broker may take to accept TCP, and from there to its SUBACK."""

_GOODBYE_S = 1.0
"""How long the last messages may take to arrive, and then DISCONNECT to leave."""

_INBOX, _INBOX_BYTES = 1024, 8 << 20
"""So much from the broker may wait for the loop; what comes then is dropped, as is what is too large."""

_REST_S = 4.0
"""So long may the thread sleep on a standing connection, if a ping is not due sooner: waking costs."""

_LOST = (OSError, ValueError, LookupError, struct.error, MQTTException)
"""How a connection fails: absent, refused, unreachable, or a broker that talks nonsense."""


class Kind(Enum):
    """What the uplink has to report."""

    UP = "up"
    DOWN = "down"
    SENT = "sent"
    REFUSED = "refused"
    ARRIVED = "arrived"
    FAULT = "fault"
    FAILED = "failed"


class News(NamedTuple):
    """One report of the uplink's thread to the loop. `seq` is the outbox's, of a kept message SENT or
    REFUSED; of the latter there are also the topic and why.
    """

    kind: Kind
    seq: int | None = None
    topic: str = ""
    payload: bytes = b""
    retained: bool = False
    fault: DeviceError | None = None
    why: str = ""


class _Said(NamedTuple):
    """What message `mid` of a connection was."""

    seq: int | None
    topic: str


class _Sent(NamedTuple):
    """The broker confirmed message `mid` of the connection that `said` these, or refused it, and `why`."""

    mid: int
    said: dict[int, _Said]
    why: str


class Caller(NamedTuple):
    """Who calls and what it wants to hear: the client id, its last will (or none), its subscriptions."""

    device: str
    will_topic: str
    will: bytes
    subscriptions: tuple[str, ...]


class Tls(Protocol):
    """What the uplink needs of whoever holds its certificate."""

    def context(self) -> ssl.SSLContext:
        """Return what the next connection is made with. Raises DeviceError."""

    def settle(self) -> None:
        """The connection made with the last context stands."""


class _Connection:
    """How far a connection came, how long it may last, and what it said that has no answer yet."""

    def __init__(self) -> None:
        self.opened = False
        self.stood = False
        self.until = monotonic() + _PATIENCE_S
        self.said: dict[int, _Said] = {}
        self.why = ""
        self.newest: paho.MQTTMessageInfo | None = None


class Uplink:
    """Carries messages over a connection that it keeps up. News wait in `inbox` until the loop takes them;
    `arrived` is set when some are added. One thread may publish, take and stop.
    """

    def __init__(
        self,
        settings: UplinkSection,
        caller: Caller,
        about_to_connect: Callable[[], None],
        tls: Tls | None = None,
    ) -> None:
        """`about_to_connect` runs after TCP (and TLS) stands and before the first MQTT byte: the ledger's row
        of the connection. Without `tls` the line is plain.
        """
        self._tls = tls
        self._settings = settings
        self._caller = caller
        self._about_to_connect = about_to_connect
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="uplink", daemon=True)
        self._calling: paho.Client | None = None
        self._standing: tuple[paho.Client, _Connection] | None = None
        self._five = settings.protocol != "3.1.1"
        self._why = ""
        self._came_bytes = self._taken_bytes = 0
        self.inbox: deque[News | _Sent] = deque()
        self.lost = 0
        self.arrived = threading.Event()

    @property
    def up(self) -> bool:
        """Whether a connection stands, as far as the uplink knows."""
        return self._standing is not None

    def start(self) -> None:
        """Begin to connect, and to connect again for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect, once the broker has confirmed what was published last, and end the thread."""
        standing = self._standing
        if standing is not None and standing[1].newest is not None:
            with suppress(RuntimeError, ValueError):  # it will not leave any more
                standing[1].newest.wait_for_publish(_GOODBYE_S)
        self._stopping.set()
        client = self._calling
        if client is not None:
            client.disconnect()
        if self._thread.ident is not None:
            self._thread.join(timeout=_PATIENCE_S + _GOODBYE_S)

    def renew(self) -> None:
        """Give the connection that stands up, so that another is made."""
        standing = self._standing
        line = standing[0].socket() if standing is not None else None
        if isinstance(line, socket.socket):
            with suppress(OSError):  # it ended by itself
                socket.socket.shutdown(line, socket.SHUT_RDWR)  # TCP's own: TLS is the other thread's

    def publish(self, departure: Departure, *, retain: bool = False) -> None:
        """Hand a message to the socket, QoS 1; SENT will name its seq if the broker confirms it, REFUSED if
        it says (MQTT 5) that it did not take it. Without a connection it goes nowhere.
        """
        standing = self._standing
        if standing is None:
            return
        client, connection = standing
        connection.newest = client.publish(departure.topic, departure.payload, qos=1, retain=retain)
        connection.said[connection.newest.mid] = _Said(departure.seq, departure.topic)

    def take(self) -> News:
        """Return the oldest of the news. Raises IndexError when there is none."""
        news = self.inbox.popleft()
        if isinstance(news, _Sent):
            seq, topic = news.said.pop(news.mid, _Said(None, ""))
            return News(Kind.REFUSED, seq, topic, why=news.why) if news.why else News(Kind.SENT, seq)
        self._taken_bytes += len(news.topic) + len(news.payload)
        return news

    def _carry(self) -> None:
        delay = self._settings.backoff_min_s / 2
        while not self._stopping.is_set():
            began = monotonic()
            stood = self._connect_once()
            # A broker that welcomes and hangs up is no better than one that is away: only a lasting
            # connection starts the doubling anew.
            lasted = stood and monotonic() - began > self._settings.backoff_max_s
            delay = self._settings.backoff_min_s if lasted else min(2 * delay, self._settings.backoff_max_s)
            # Jitter, so that a street of speakers does not come back at the same instant.
            self._stopping.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311  not a secret

    def _connect_once(self) -> bool:
        """Connect and carry until the connection ends; return whether it came up."""
        connection = _Connection()
        client = self._calling = make_client(
            self._caller.device, five=self._five, inflight=self._settings.window + 8, timeout_s=_PATIENCE_S
        )
        if self._caller.will:
            client.will_set(self._caller.will_topic, self._caller.will, qos=1, retain=True)
        self._follow(client, connection)
        try:
            if self._tls is not None:
                client.tls_set_context(self._tls.context())
            dial(client, self._settings)
            self._carry_on(client, connection)
        except DiskError as refused:  # without its row no connection; it is tried again, like any other
            connection.why = str(refused)
        except DeviceError as fault:  # before the rest: a StorageError is an OSError too
            self._tell(News(Kind.FAULT, fault=fault))
            self._stopping.set()
        except _LOST as error:  # the next attempt is the answer
            connection.why = connection.why or _in_a_line(error)
        finally:
            self._calling = None
            hang_up(client)
        came_up = self.up
        if came_up:
            self._standing = None
            self._tell(News(Kind.DOWN))
            return True
        self._tell_why(connection)
        if connection.opened and not connection.stood:
            self._other_protocol()
        return came_up

    def _stands(self, client: paho.Client, connection: _Connection) -> None:
        connection.until = inf
        self._why = ""
        self._standing = client, connection
        if self._tls is not None:
            self._tls.settle()
        self._tell(News(Kind.UP))

    def _tell_why(self, connection: _Connection) -> None:
        """Say why no connection came up, when it is another reason than the last time."""
        hung_up = "the broker hung up without a word"
        if self._tls is not None:
            hung_up += "; is this device approved, and its certificate not revoked?"
        why = connection.why or hung_up
        if why != self._why and not self._stopping.is_set():
            self._why = why
            self._tell(News(Kind.FAILED, why=why))

    def _carry_on(self, client: paho.Client, connection: _Connection) -> None:
        """Carry until the connection ends, or until a silent broker has had its time.

        All reading and writing is in this thread, so whatever goes wrong with it ends up in `_connect_once`.
        """
        rest_s = min(_REST_S, self._settings.keepalive_s / 4)
        while monotonic() < connection.until:
            if client.loop(rest_s if connection.until == inf else 1.0) != paho.MQTT_ERR_SUCCESS:
                return
            if self._stopping.is_set():
                connection.until = min(connection.until, monotonic() + _GOODBYE_S)

    def _follow(self, client: paho.Client, connection: _Connection) -> None:
        """Watch one connection come up: TCP, then CONNACK, then SUBACK; only then is the link up."""

        def on_socket_open(_client: object, _userdata: object, _socket: object) -> None:
            if self._stopping.is_set():
                raise ConnectionAbortedError
            self._about_to_connect()
            connection.opened = True
            connection.until = monotonic() + _PATIENCE_S

        def on_connect(client: paho.Client, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
            if reason.is_failure:
                connection.why = f"the broker says: {reason}"
            elif not connection.stood:
                connection.stood = True
                client.subscribe([(topic, 1) for topic in self._caller.subscriptions])

        def on_subscribe(client: paho.Client, _u: object, _mid: int, _r: object, _p: object) -> None:
            if connection.stood and not self.up:
                self._stands(client, connection)

        client.on_socket_open = on_socket_open
        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_message = self._on_message
        client.on_publish = lambda _c, _u, mid, reason, _p: self._tell(_sent(mid, reason, connection.said))

    def _other_protocol(self) -> None:
        """MQTT 5 where the broker has it; one that refuses it, as some do by silence, is asked in 3.1.1 next,
        and back again.
        """
        if self._settings.protocol == "auto":
            self._five = not self._five

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        news = News(Kind.ARRIVED, None, message.topic, bytes(message.payload), message.retain)
        size = len(news.topic) + len(news.payload)
        held = self._came_bytes - self._taken_bytes
        if len(self.inbox) >= _INBOX or len(news.payload) > LARGEST_BYTES or held + size > _INBOX_BYTES:
            self.lost += 1
            return
        self._came_bytes += size
        self._tell(news)

    def _tell(self, news: News | _Sent) -> None:
        self.inbox.append(news)
        if not self.arrived.is_set():
            self.arrived.set()


def _sent(mid: int, reason: ReasonCode, said: dict[int, _Said]) -> _Sent:
    """What a PUBACK says; that of MQTT 3.1.1 knows no refusal."""
    return _Sent(mid, said, str(reason) if reason.is_failure else "")


def _in_a_line(error: Exception) -> str:
    words = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return " ".join(words.split())
