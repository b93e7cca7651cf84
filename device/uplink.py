"""The connection to the broker. It publishes, subscribes and comes back; it holds no policy and no message.

Every connection gets a paho client of its own, and paho's memory of unconfirmed messages goes with it: a
message is written to the socket once for each ledger row and never again behind the ledger's back.
"""

import random
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from device.config import UplinkSection
from device.errors import DeviceError
from device.outbox import Departure

LARGEST_BYTES = 1 << 20
"""No message from the broker may be larger; it says so to an MQTT 5 broker, and drops what is larger from
any.
"""

_PATIENCE_S = 3.0
"""How long a broker may take from TCP to its word of welcome."""

_INBOX = 1024
"""Messages from the broker that wait for the loop; the newest are dropped when it is full."""


class Kind(Enum):
    """What the uplink has to report."""

    UP = "up"
    DOWN = "down"
    SENT = "sent"
    ARRIVED = "arrived"
    FAULT = "fault"


class News(NamedTuple):
    """One report of the uplink's thread to the loop."""

    kind: Kind
    seq: int = 0
    topic: str = ""
    payload: bytes = b""
    retained: bool = False
    fault: DeviceError | None = None


class Caller(NamedTuple):
    """Who calls and what it wants to hear: the client id, its last will, its subscriptions."""

    device: str
    will_topic: str
    will: bytes
    subscriptions: tuple[str, ...]


class _Progress:
    """How far a connection came."""

    def __init__(self) -> None:
        self.opened = False
        self.stood = False
        self.over = threading.Event()


class Uplink:
    """Carries messages over a connection that it keeps up. News wait in `inbox` until the loop takes them."""

    def __init__(self, settings: UplinkSection, caller: Caller, about_to_connect: Callable[[], None]) -> None:
        """`about_to_connect` runs after TCP stands and before the first MQTT byte: the ledger's row of the
        connection.
        """
        self._settings = settings
        self._caller = caller
        self._about_to_connect = about_to_connect
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="uplink", daemon=True)
        self._client: paho.Client | None = None
        three = settings.protocol == "3.1.1"
        self._protocol = MQTTProtocolVersion.MQTTv311 if three else MQTTProtocolVersion.MQTTv5
        self._seqs: dict[tuple[int, int], int] = {}
        self.inbox: deque[News] = deque()
        self.lost = 0
        self.arrived = threading.Event()

    @property
    def up(self) -> bool:
        """Whether a connection stands, as far as the uplink knows."""
        return self._client is not None

    def start(self) -> None:
        """Begin to connect, and to connect again for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end the thread."""
        self._stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def publish(self, departure: Departure, *, retain: bool = False) -> None:
        """Hand a message to the socket, QoS 1; SENT will name its seq if the broker confirms it."""
        client = self._client
        if client is None:
            return
        info = client.publish(departure.topic, departure.payload, qos=1, retain=retain)
        if departure.seq is not None:
            self._seqs[id(client), info.mid] = departure.seq

    def resolve(self, news: News) -> int | None:
        """Return the outbox's seq of a SENT report, or None when the message was not a kept one."""
        return self._seqs.pop((int(news.topic), news.seq), None)

    def _carry(self) -> None:
        delay = self._settings.backoff_min_s
        while not self._stopping.is_set():
            stood = self._connect_once()
            delay = self._settings.backoff_min_s if stood else min(2 * delay, self._settings.backoff_max_s)
            # Jitter, so that a street of speakers does not come back at the same instant.
            self._stopping.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311  not a secret

    def _connect_once(self) -> bool:
        """Connect and carry until the connection ends; return whether it stood."""
        client = self._make_client()
        progress = _Progress()
        self._follow(client, progress)
        try:
            self._connect(client)
        except OSError:
            pass  # absent, refused, unreachable: the next attempt is the answer
        except DeviceError as fault:
            self._tell(News(Kind.FAULT, fault=fault))
            self._stopping.set()
        else:
            self._carry_on(client, progress)
        if self._client is client:
            self._client = None
            self._tell(News(Kind.DOWN))
        elif progress.opened and not progress.stood:
            self._other_protocol()
        return progress.stood

    def _carry_on(self, client: paho.Client, progress: "_Progress") -> None:
        """Let paho's thread carry until the connection ends, or until a silent broker has had its time."""
        client.loop_start()
        if not progress.over.wait(_PATIENCE_S) and progress.stood:
            progress.over.wait()
        client.disconnect()
        client.loop_stop()

    def _follow(self, client: paho.Client, progress: "_Progress") -> None:
        """Watch one connection come up: TCP, then CONNACK, then SUBACK; only then is the link up."""

        def on_socket_open(_client: object, _userdata: object, _socket: object) -> None:
            progress.opened = True
            self._about_to_connect()

        def on_connect(_client: object, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
            if not reason.is_failure:
                progress.stood = True
                client.subscribe([(topic, 1) for topic in self._caller.subscriptions])

        def on_subscribe(_client: object, _u: object, _mid: int, _r: object, _p: object) -> None:
            self._client = client
            self._tell(News(Kind.UP))

        client.on_socket_open = on_socket_open
        client.on_disconnect = lambda *_: progress.over.set()
        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_message = self._on_message
        client.on_publish = lambda c, _u, mid, _r, _p: self._tell(News(Kind.SENT, seq=mid, topic=str(id(c))))

    def _make_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._caller.device,
            clean_session=None if self._five else True,
            protocol=self._protocol,
            reconnect_on_failure=False,
        )
        client.will_set(self._caller.will_topic, self._caller.will, qos=1, retain=True)
        client.max_inflight_messages_set(self._settings.window + 8)
        return client

    @property
    def _five(self) -> bool:
        return self._protocol == MQTTProtocolVersion.MQTTv5

    def _connect(self, client: paho.Client) -> None:
        host, port, keepalive_s = self._settings.host, self._settings.port, self._settings.keepalive_s
        if self._five:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.MaximumPacketSize = LARGEST_BYTES
            client.connect(host, port, keepalive_s, clean_start=True, properties=properties)
        else:
            client.connect(host, port, keepalive_s)

    def _other_protocol(self) -> None:
        """MQTT 5 where the broker has it; one that refuses it is asked in 3.1.1 next, and back again."""
        if self._settings.protocol != "auto":
            return
        five, three = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
        self._protocol = three if self._five else five

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        if len(self.inbox) >= _INBOX or len(message.payload) > LARGEST_BYTES:
            self.lost += 1
            return
        self._tell(News(Kind.ARRIVED, 0, message.topic, bytes(message.payload), message.retain))

    def _tell(self, news: News) -> None:
        self.inbox.append(news)
        self.arrived.set()
