"""A paho client that a test can wait on."""

import threading
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

DEADLINE_S = 10.0


class Client:
    """Connects at once, notes what happens to it, and never comes back by itself."""

    def __init__(self, port: int, name: str, *, five: bool = True, subscribe: str | None = None) -> None:
        self.got: list[tuple[str, bytes, bool]] = []
        self.confirmed: list[int] = []
        self.refusals: list[str] = []
        self.ended = threading.Event()
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._subscribe = subscribe
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2, name, reconnect_on_failure=False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        )  # fmt: skip
        self.paho.on_connect = self._on_connect
        self.paho.on_subscribe = lambda *_: self._ready.set()
        self.paho.on_disconnect = lambda *_: self.ended.set()
        self.paho.on_publish = self._on_publish
        self.paho.on_message = self._on_message
        self.paho.connect(host="127.0.0.1", port=port)
        self.paho.loop_start()

    def ready(self) -> "Client":
        """Return once it is connected, and subscribed if it wanted to be."""
        assert self._ready.wait(DEADLINE_S), self.refusals
        return self

    def publish(self, *payloads: bytes, topic: str = "up/x", qos: int = 1) -> list[int]:
        """Publish one after the other; return the packet ids."""
        return [self.paho.publish(topic, payload, qos=qos).mid for payload in payloads]

    def wait_for(self, messages: int = 0, confirmed: int = 0) -> None:
        """Return once so many messages came, and so many of ours were confirmed."""
        with self._news:
            came = self._news.wait_for(
                lambda: len(self.got) >= messages and len(self.confirmed) >= confirmed, DEADLINE_S
            )
        assert came, (self.got, self.confirmed)

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _ in self.got]

    def _on_connect(self, client: paho.Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self.refusals.append(str(reason))
        elif self._subscribe is None:
            self._ready.set()
        else:
            client.subscribe(self._subscribe, qos=1)

    def _on_publish(self, _c: Any, _u: Any, mid: int, _r: Any, _p: Any) -> None:
        with self._news:
            self.confirmed.append(mid)
            self._news.notify_all()

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        with self._news:
            self.got.append((message.topic, bytes(message.payload), message.dup))
            self._news.notify_all()
