"""One message to a broker on loopback, as an operator would publish it. It leaves no line in a log."""

from time import monotonic

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from cloud_stub.loopback import HOST
from lab.kit.errors import NotSeen

_PATIENCE_S = 10.0


def publish(port: int, topic: str, payload: bytes, *, retain: bool) -> None:
    """Return once the broker has confirmed it (QoS 1).

    Raises:
        NotSeen: it did not, within ten seconds. OSError: nobody listens there.
    """
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect(HOST, port)
    until_s = monotonic() + _PATIENCE_S
    sent: paho.MQTTMessageInfo | None = None
    while sent is None or not sent.is_published():
        if sent is None and client.is_connected():
            sent = client.publish(topic, payload, qos=1, retain=retain)
        if client.loop(0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS or monotonic() > until_s:
            raise NotSeen(f"{topic}: the broker at {HOST}:{port} did not confirm it; see its log")
    client.disconnect()
