"""A small ingest: takes what speakers seal, opens it once it is whole, and says so to the speaker."""

import threading
from collections import defaultdict

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from device.envelope import EnvelopeError, Utterance, downlink, open_utterance, topics

ALL = [[0, 2**31 - 1]]


class Ingest:
    """Listens at a broker. `utterances` are whole and opened, by id; `news` tells whoever waits."""

    def __init__(self, host, port, reader, signer, note):
        self.utterances: dict[str, Utterance] = {}
        self.news = threading.Condition()
        self._reader, self._signer, self._note = reader, signer, note
        self._parts = defaultdict(lambda: defaultdict(set))
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "small-ingest", clean_session=False)
        self._client.reconnect_delay_set(0.05, 1)
        self._client.on_connect = self._connected
        self._client.on_message = self._arrived
        self._client.connect(host, port)
        self._client.loop_start()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def wait_for(self, count, within_s=10):
        """Return once so many utterances are here."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.utterances) >= count, within_s)
        return list(self.utterances.values())

    def _connected(self, client, _userdata, _flags, reason, _properties):
        if not reason.is_failure:
            client.subscribe(topics.UP_FILTER, qos=1)
            client.publish(topics.KEYS, self._note, qos=1, retain=True)

    def _arrived(self, _client, _userdata, message):
        topic = topics.parse(message.topic)
        if topic is None or topic.utterance is None:
            return
        parts = self._parts[topic.device, topic.utterance]
        parts[topic.kind].add(message.payload)  # the same message twice is the same bytes
        if self._opens(topic.utterance, parts):
            self._say(topic.device, topic.utterance, state="complete", missing=[], begin=False, end=False)
        elif topic.kind == "end":  # something is lost or damaged: ask for all of it, and start anew
            parts.clear()
            self._say(topic.device, topic.utterance, state="missing", missing=ALL, begin=True, end=True)

    def _opens(self, name, parts):
        try:
            (begin,), (end,) = parts["begin"], parts["end"]
            opened = open_utterance(begin, parts["segment"], end, self._reader)
        except (EnvelopeError, ValueError):
            return False
        with self.news:
            self.utterances[name] = opened
            self.news.notify_all()
        return True

    def _say(self, device, utterance, **what):
        ack = {"v": 1, "device": device, "utterance": utterance, **what}
        self._client.publish(topics.ack(device), downlink.sign("ack", ack, self._signer), qos=1)
