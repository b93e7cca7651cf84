"""The cloud's connection to the broker: it comes back for ever, and speaks MQTT 5 or 3.1.1. No policy."""

import itertools
import ssl
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_stub.config import BrokerSection
from device.envelope.topics import UP_FILTER

CLIENT_ID = "overheard-cloud"
SESSION_S = 7 * 86_400
KEEPALIVE_S = 20
PATIENCE_S = 1.0
"""How long a broker may take to answer the first greeting; doubles, so that a slow one is met in the end."""

FIVE, THREE = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
PROTOCOLS = {"auto": (FIVE, THREE), "5": (FIVE,), "3.1.1": (THREE,)}


class Link:
    """Carries messages both ways under one persistent session.

    arrived: called with topic and payload, in paho's thread. came_up: called at every connect, to publish
    what must stand at the broker. sent: called when the broker has confirmed a publish, or it was given up.
    context: for TLS; without it the line is plain. wanted: what it subscribes to; set it before `start`.
    """

    def __init__(
        self,
        settings: BrokerSection,
        address: tuple[str, int],
        arrived: Callable[[str, bytes], None],
        came_up: Callable[[], None],
        sent: Callable[[], None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.up = threading.Event()
        self._settings = settings
        self._address = address
        self._arrived = arrived
        self._came_up = came_up
        self._sent = sent
        self._context = context
        self.wanted = UP_FILTER
        self._stopping = False
        self._counting = threading.Lock()
        self._unsent: dict[paho.Client, int] = {}
        self._unwelcomed = False
        self._turn = threading.Event()
        self._client: paho.Client | None = None
        self._thread = threading.Thread(target=self._stay_connected, name="link", daemon=True)

    def start(self) -> None:
        """Begin to connect, and to connect again for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end the threads. The broker keeps the session."""
        self._stopping = True
        self._turn.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10.0)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish with QoS 1, now or once connected; False when there is no link to hand it to."""
        with self._counting:
            client = self._client
            if client is None:
                return False
            self._unsent[client] = self._unsent.get(client, 0) + 1
        client.publish(topic, payload, qos=1, retain=retain)  # paho keeps it until it is connected
        return True

    def _stay_connected(self) -> None:
        """One paho client for each protocol tried; paho itself comes back with a bounded back-off."""
        for attempt, protocol in enumerate(itertools.cycle(PROTOCOLS[self._settings.protocol])):
            self._turn.clear()
            client = self._client = self._make_client(protocol)
            client.loop_start()
            self._wait_for_turn(PATIENCE_S * 2 ** min(attempt // 2, 5))
            self.up.clear()
            with self._counting:
                self._client = None
            client.disconnect()
            client.loop_stop()
            for _ in range(self._unsent.pop(client, 0)):
                self._sent()
            if self._stopping:
                return

    def _wait_for_turn(self, patience_s: float) -> None:
        """Until it is refused or told to stop, or the broker took a connection and says nothing.

        amqtt does: it takes the properties of an MQTT 5 greeting for the length of a name, and waits for it.
        """
        while not self._stopping and not self._turn.wait(patience_s) and not self._unwelcomed:
            pass

    def _socket_opened(self, *_: object) -> None:
        self._unwelcomed = True

    def _socket_closed(self, *_: object) -> None:
        self._unwelcomed = False

    def _make_client(self, protocol: MQTTProtocolVersion) -> paho.Client:
        five = protocol == FIVE
        clean = None if five else False
        client = paho.Client(CallbackAPIVersion.VERSION2, CLIENT_ID, clean, protocol=protocol)
        if self._context is not None:
            client.tls_set_context(self._context)
        low, high = self._settings.backoff_min_s, self._settings.backoff_max_s
        client.reconnect_delay_set(low, high)  # type: ignore[arg-type]  # any number of seconds will do
        client.max_inflight_messages_set(100)
        client.on_socket_open = self._socket_opened
        client.on_socket_close = self._socket_closed
        client.on_connect = self._on_connect
        client.on_disconnect = lambda *_: self.up.clear()
        client.on_subscribe = lambda *_: self.up.set()
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        if five:
            session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's, untyped
            session.SessionExpiryInterval = SESSION_S
            client.connect_async(*self._address, KEEPALIVE_S, clean_start=False, properties=session)
        else:
            client.connect_async(*self._address, KEEPALIVE_S)
        return client

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # from a broker that lets it pass: counted as nobody's topic
            topic = ""
        self._arrived(topic, bytes(message.payload))

    def _on_publish(self, client: paho.Client, *_: object) -> None:
        with self._counting:
            self._unsent[client] -= 1
        self._sent()

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _p: Any
    ) -> None:
        self._unwelcomed = False
        if not reason.is_failure:
            client.subscribe(self.wanted, qos=1)
            self._came_up()
        elif reason == "Unsupported protocol version":
            self._turn.set()  # the other way; any other refusal may pass, and paho asks again
