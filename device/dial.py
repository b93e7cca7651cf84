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

_KIND, _PUBLISH = 0xF0, 0x30
_QOS, _QOS_2 = 0b110, 0b100

_MORE_BYTES = 4096
"""No properties may be longer, nor a packet that is no message: paho's time to read them grows with their
square, and a megabyte of them takes minutes.
"""


class _Client(paho.Client):
    """paho's client, without its three ways to let a broker fill the memory or take the processor: a packet
    of up to 256 MiB, messages of QoS 2, all of which it would hold until they are released, long properties.
    """

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > _MORE_BYTES:  # the topic and its like come with the message
            is_message = self._in_packet["command"] & _KIND == _PUBLISH
            if not is_message or bufsize > 2 * LARGEST_BYTES:
                raise MQTTException(f"the broker sends a packet of {bufsize} bytes")
        return super()._sock_recv(bufsize)

    def _handle_publish(self) -> MQTTErrorCode:
        if self._in_packet["command"] & _QOS == _QOS_2:
            raise MQTTException("the broker sends QoS 2, which was not subscribed")
        if self.protocol == MQTTProtocolVersion.MQTTv5 and self._properties_bytes() > _MORE_BYTES:
            raise MQTTException("the broker sends properties that are longer than they may be")
        return super()._handle_publish()

    def _properties_bytes(self) -> int:
        """How long the properties of the message say they are. Raises IndexError when it ends before."""
        packet, acknowledged = self._in_packet["packet"], self._in_packet["command"] & _QOS
        at = 2 + int.from_bytes(packet[:2], "big") + (2 if acknowledged else 0)
        length = 0
        for place in range(4):
            length |= (packet[at + place] & 127) << 7 * place
            if not packet[at + place] & 128:
                break
        return length


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
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's, untyped
        properties.MaximumPacketSize = LARGEST_BYTES
        client.connect(host, port, keepalive_s, clean_start=True, properties=properties)
    else:
        client.connect(host, port, keepalive_s)


def hang_up(client: paho.Client) -> None:
    """Close the connection, whatever state it is in."""
    sock = client.socket()
    if sock is not None:
        sock.close()
