"""A third ear on the line: it subscribes beside the cloud and writes down every message that came through
the broker.

What it keeps is what a broker's owner could keep: ciphertext. `opening` reads it back with a reader's key.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Lock
from typing import NamedTuple

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from device.envelope import topics
from lab.errors import RunError

FILE = "sent.jsonl"


class Sent(NamedTuple):
    """One message as the broker passed it on."""

    topic: str
    payload: bytes


class Tap:
    """Listens at a broker on loopback and appends to `directory`/sent.jsonl. It comes back when the broker
    does.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self._port = port
        self._file = (directory / FILE).open("w", encoding="utf-8")
        self._lock = Lock()
        self.listening = Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topics.UP_FILTER, qos=1)
        self._client.on_subscribe = lambda *_: self.listening.set()
        self._client.on_disconnect = lambda *_: self.listening.clear()
        self._client.on_message = self._write

    def start(self) -> None:
        """Begin to listen; `listening` is set once it does."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def say(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Publish something, as anybody with access to the broker could."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def stop(self) -> None:
        """Stop listening and close the file."""
        self._client.disconnect()
        self._client.loop_stop()
        self._file.close()

    def _write(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        line = {"topic": message.topic, "payload": base64.b64encode(message.payload).decode()}
        with self._lock:
            self._file.write(msgspec.json.encode(line).decode() + "\n")


def read(directory: Path) -> Iterator[Sent]:
    """Yield what a tap wrote down.

    Raises:
        RunError: there is no such file, or it is damaged.
    """
    path = directory / FILE
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield _parse(path, number, line)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; name the folder of a run") from error


def _parse(path: Path, number: int, line: bytes) -> Sent:
    try:
        fields = msgspec.json.decode(line, type=dict[str, str])
        return Sent(fields["topic"], base64.b64decode(fields["payload"], validate=True))
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise RunError(f"{path}: line {number} is not a message; run the scenario again") from error
