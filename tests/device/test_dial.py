"""No broker can fill the memory of the device: what it may not send ends the connection, and is not kept."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from device.dial import LARGEST_BYTES
from device.uplink import Kind, Uplink
from tests.device.wire import Peer, make_uplink, packed, wait_for

TOPIC = b"\0\x08down/ack"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with closing(Peer()) as peer:
        yield peer


@pytest.fixture
def uplink(peer: Peer) -> Iterator[Uplink]:
    uplink = make_uplink(peer.port, "3.1.1")
    uplink.start()
    yield uplink
    uplink.stop()


@pytest.mark.parametrize(
    "sent",
    [packed(0x34, TOPIC + b"\0\1" + b"kept until it is released"), b"\x30\xff\xff\xff\x7f" + TOPIC],
    ids=["a message of QoS 2, which nobody asked for", "256 MiB that have only begun"],
)
def test_what_would_be_held_ends_the_connection_and_the_uplink_lives(
    peer: Peer, uplink: Uplink, sent: bytes
) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    peer.line.sendall(sent)
    wait_for(uplink, Kind.DOWN)
    peer.welcome()
    wait_for(uplink, Kind.UP)


def test_the_largest_message_arrives(peer: Peer, uplink: Uplink) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    peer.publish(bytes(LARGEST_BYTES), b"x" * 65_535)
    assert len(wait_for(uplink, Kind.ARRIVED).payload) == LARGEST_BYTES
