"""Somebody at the broker who hears everything: what passed, what was acknowledged, how far the talk has come.

It subscribes and never publishes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from device.envelope import topics
from device.envelope.layout import Cursor, from_json

EVERYTHING = f"{topics.ROOT}/#"

STAGES = ("connecting", "quiet", "streaming", "ended", "answering")
"""No connection since the last kill; nothing said yet, or answered; begin to end; end to acknowledgement;
acknowledgement to answer.
"""


class Tap:
    """A client of the broker at `port`, which comes back when the broker does.

    `left` counts what devices published, by topic and SHA-256 (what the broker retains and repeats is not
    counted); `complete` holds the utterances that the cloud acknowledged, `responses` every answer;
    `stage_messages` counts messages since the stage began.
    """

    def __init__(self, port: int) -> None:
        self.left: Counter[tuple[str, str]] = Counter()
        self.complete: set[str] = set()
        self.responses: list[bytes] = []
        self.stage = "connecting"
        self.stage_messages = 0
        self._news = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(0.05, 0.1)
        self._client.on_connect = lambda client, *_: client.subscribe(EVERYTHING, qos=1)
        self._client.on_message = self._arrived
        self._client.connect_async("127.0.0.1", port, keepalive=20)
        self._client.loop_start()

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def wait(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Return whether `condition`, looked at after every message, came true in time."""
        with self._news:
            return self._news.wait_for(condition, within_s)

    def killed(self) -> None:
        """Somebody was killed: the talk begins anew."""
        with self._news:
            self._step("connecting")

    def _arrived(self, _client: object, _userdata: Any, message: paho.MQTTMessage) -> None:
        topic = topics.parse(message.topic)
        if topic is None or message.retain:
            return
        with self._news:
            if "/up/" in message.topic:
                self.left[message.topic, hashlib.sha256(message.payload).hexdigest()] += 1
            self._follow(topic, bytes(message.payload))
            self._news.notify_all()

    def _follow(self, topic: topics.Topic, payload: bytes) -> None:
        match topic.kind:
            case "status" if self.stage == "connecting" and b'"online"' in payload:
                self._step("quiet")
            case "begin" | "segment" | "end":
                self._step("ended" if topic.kind == "end" else "streaming")
            case "ack":
                self._acknowledged(from_json(Cursor(payload, "ack").json(), dict[str, Any], "ack"))
            case "response":
                self.responses.append(payload)
                self._step("quiet")

    def _acknowledged(self, body: dict[str, Any]) -> None:
        if body["state"] == "complete" and body["utterance"] not in self.complete:
            self.complete.add(body["utterance"])
            self._step("answering")

    def _step(self, stage: str) -> None:
        self.stage_messages = self.stage_messages + 1 if stage == self.stage else 0
        self.stage = stage
