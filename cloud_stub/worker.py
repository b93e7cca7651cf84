"""One of several that take what devices send, beside a cloud that does everything else. No policy of its own.

They share the vault, and the broker deals messages out to them ($share, MQTT 5). A message is confirmed to
the broker once it is durable: what a worker that dies had not confirmed is dealt to another. Parts of one
utterance come to different workers; what is known of it is in the vault alone.
"""

import fcntl
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_stub.broker_files import cloud_context
from cloud_stub.config import Config
from cloud_stub.ingest import Ingest
from cloud_stub.keys import Keys
from cloud_stub.link import CLIENT_ID, KEEPALIVE_S
from cloud_stub.vault import open_vault
from cloud_stub.witness import Witness
from device.envelope.topics import UTTERANCES

SHARED = f"$share/ingest/{UTTERANCES}"
AT_ONCE, MOST_MAIL = 400, 4000
LOOK_EVERY_S = 0.2
"""So often a worker that waits looks whether it is over."""
TIDY_EVERY = timedelta(seconds=1)
GAP_S = 0.03
"""So long it leaves the vault alone after each transaction: for the cloud, which stands in no queue with
workers and sleeps up to 0.1 s between its tries. Meanwhile more comes, and shares the next sync.
"""
SESSION_S = 60
"""So long the broker deals messages to a worker that is gone: one that dies is back sooner, and of one that
is not wanted any more nothing must stay there. What it was dealt is sent again: devices keep it until it is
acknowledged.
"""


class _Letter(NamedTuple):
    topic: str
    payload: bytes
    mid: int
    qos: int


class Worker:
    """Takes its share until `over`. name: told apart from the others' at the broker, the same after a
    restart. session_s: so long the broker waits for that.

    Raises:
        KeyFileError, StorageError: as `Keys` and `Vault` do; `run` too.
    """

    def __init__(
        self,
        config: Config,
        address: tuple[str, int],
        name: str,
        clock: Callable[[], datetime],
        session_s: int = SESSION_S,
    ) -> None:
        self.over = threading.Event()
        self.up = threading.Event()
        self.taken = 0
        self._address = address
        self._clock = clock
        keys = Keys(config.storage.keys, config.keys, keeps=False)
        self._vault = open_vault(config.storage)
        self._witness = Witness(config.storage.heads, keys.witness)
        self._ingest = Ingest(self._vault, keys, config.ingest, witness=self._witness)
        self._mail: queue.Queue[_Letter] = queue.Queue(MOST_MAIL)
        self._queue = os.open(config.storage.vault / "workers.lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._client = self._make_client(config, name, session_s)

    def run(self) -> None:
        """Connect, take and confirm until `over`; then disconnect. The session stays for SESSION_S."""
        self._client.loop_start()
        tidied = self._clock()
        try:
            while not self.over.is_set():
                self._take(self._letters())
                if abs(self._clock() - tidied) >= TIDY_EVERY:
                    self._ingest.tidy(tidied := self._clock())
        finally:
            self._client.disconnect()
            self._client.loop_stop()
            self._vault.close()
            self._witness.close()
            os.close(self._queue)

    def _letters(self) -> list[_Letter]:
        try:
            letters = [self._mail.get(timeout=LOOK_EVERY_S)]
        except queue.Empty:
            return []
        while len(letters) < AT_ONCE and not self._mail.empty():
            letters.append(self._mail.get_nowait())
        return letters

    def _take(self, letters: list[_Letter]) -> None:
        if not letters:
            return
        messages = [(each.topic, each.payload) for each in letters]
        with self._turn():
            for answer in self._ingest.take_all(messages, self._clock()):
                self._client.publish(answer.topic, answer.payload, qos=1)
            for each in letters:  # durable by now
                self._client.ack(each.mid, each.qos)  # which says nothing where nothing is to be said
            self.taken += len(letters)
            self.over.wait(GAP_S)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One worker after another: who waits for SQLite's own lock sleeps up to 0.1 s between its tries."""
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)

    def _make_client(self, config: Config, name: str, session_s: int) -> paho.Client:
        five = MQTTProtocolVersion.MQTTv5
        name = f"{CLIENT_ID}-{name}"
        client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=five, manual_ack=True)
        if config.broker.tls:
            client.tls_set_context(cloud_context(config.storage.keys))
        low, high = config.broker.backoff_min_s, config.broker.backoff_max_s
        client.reconnect_delay_set(low, high)  # type: ignore[arg-type]  # any number of seconds will do
        client.max_inflight_messages_set(1000)
        client.on_connect = self._on_connect
        client.on_disconnect = lambda *_: self.up.clear()
        client.on_subscribe = lambda *_: self.up.set()
        client.on_message = self._on_message
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's, untyped
        session.SessionExpiryInterval = session_s
        client.connect_async(*self._address, KEEPALIVE_S, clean_start=False, properties=session)
        return client

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _p: Any
    ) -> None:
        if not reason.is_failure:
            client.subscribe(SHARED, qos=1)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # counted as nobody's topic
            topic = ""
        if message.qos == 0 and self._mail.qsize() >= AT_ONCE:
            return  # it was promised to nobody, and how many there are of them the broker does not bound
        letter = _Letter(topic, bytes(message.payload), message.mid, message.qos)
        while not self.over.is_set():
            with suppress(queue.Full):
                self._mail.put(letter, timeout=LOOK_EVERY_S)
                return
