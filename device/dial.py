"""One paho client for one connection, in MQTT 5 or 3.1.1. It never connects again, and never has a thread of
its own: whoever calls its `loop` does all the reading and writing.
"""

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device.config import UplinkSection

LARGEST_BYTES = 1 << 20
"""No message from the broker may be larger; an MQTT 5 broker is told so."""

_QOS, _QOS_2 = 0b110, 0b100


class _Client(paho.Client):
    """paho's client, without its two ways to let a broker fill the memory: a packet of up to 256 MiB, and
    messages of QoS 2, all of which it would hold until they are released.
    """

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > 2 * LARGEST_BYTES:  # the topic and its like come with the message
            raise MQTTException(f"the broker sends a packet of {bufsize} bytes")
        return super()._sock_recv(bufsize)

    def _handle_publish(self) -> MQTTErrorCode:
        if self._in_packet["command"] & _QOS == _QOS_2:
            raise MQTTException("the broker sends QoS 2, which was not subscribed")
        return super()._handle_publish()


def make_client(name: str, *, five: bool, inflight: int, timeout_s: float) -> paho.Client:
    """Make a client of that name, whose TCP connection may take `timeout_s`; nothing is sent."""
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=name,
        clean_session=None if five else True,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = timeout_s
    client.max_inflight_messages_set(inflight)
    # With this set, paho only queues what another thread publishes, and wakes `loop`.
    client.on_socket_register_write = lambda *_: None
    return client


def dial(client: paho.Client, settings: UplinkSection) -> None:
    """Connect TCP and queue CONNECT, which `loop` writes. Raises OSError, or what `on_socket_open` raises."""
    host, port, keepalive_s = settings.host, settings.port, settings.keepalive_s
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = LARGEST_BYTES
        client.connect(host, port, keepalive_s, clean_start=True, properties=properties)
    else:
        client.connect(host, port, keepalive_s)


def hang_up(client: paho.Client) -> None:
    """Close the connection, whatever state it is in."""
    sock = client.socket()
    if sock is not None:
        sock.close()
