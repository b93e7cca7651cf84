"""How long the packets are that the device sends, to the byte: QoS 1, and no property that it can spare."""

from lab.audit.line.mqtt import FIVE


def publish_bytes(topic: str, count: int, level: int) -> int:
    """How long a PUBLISH is that the device sends: QoS 1, without properties."""
    return _packet_bytes(2 + len(topic.encode()) + 2 + (level == FIVE) + count)


def subscribe_bytes(topics: tuple[str, ...], level: int) -> int:
    """How long a SUBSCRIBE to these topics is, without properties."""
    return _packet_bytes(2 + (level == FIVE) + sum(3 + len(topic.encode()) for topic in topics))


def connect_bytes(client: str, will: tuple[str, int] | None, level: int) -> int:
    """How long a CONNECT is with that client id, and a will of that topic and length. In MQTT 5 it has a
    maximum packet size, and no other property.
    """
    body = 10 + (6 if level == FIVE else 0) + 2 + len(client.encode())
    if will is not None:
        body += (level == FIVE) + 2 + len(will[0].encode()) + 2 + will[1]
    return _packet_bytes(body)


def _packet_bytes(body: int) -> int:
    return 1 + next(place for place in range(1, 5) if body < 1 << 7 * place) + body
