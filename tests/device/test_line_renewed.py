"""A broker that lives and confirms nothing any more: after a while the connection is made anew, and what flew
leaves again.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from device.delivery import Delivery
from device.envelope import topics
from device.line import Line, caller
from device.outbox import Outbox
from hardware.board import RATE_HZ
from tests.device.notes import DEVICE, make_orders, note
from tests.device.shelf import SIGNER, sealed
from tests.device.wire import CONNECT, PUBLISH, Packet, Peer, make_uplink

BOOT = "00" * 8
PATIENCE = 20 * RATE_HZ


@pytest.fixture
def peer() -> Iterator[Peer]:
    with closing(Peer()) as peer:
        yield peer


@pytest.fixture
def parts(peer: Peer, tmp_path: Path) -> Iterator[tuple[Line, Delivery]]:
    will = caller(DEVICE, BOOT).will
    with closing(Outbox(tmp_path / "egress.db", SIGNER)) as outbox:
        uplink = make_uplink(peer.port, "3.1.1", lambda: outbox.connect(will))
        delivery = Delivery(outbox, uplink, 8, 100 * RATE_HZ)
        line = Line((DEVICE, BOOT), outbox, uplink, delivery, make_orders(tmp_path / "keys.note"))
        line.start()
        come_up(line, peer, 0)
        yield line, delivery
        uplink.stop()


def come_up(line: Line, peer: Peer, now: int) -> None:
    """Welcome the device, greet it as the cloud does, and let it take the news."""
    peer.welcome()
    peer.publish(note(), topics.KEYS.encode())
    links = line.links
    while line.links == links:
        take(line, now)


def take(line: Line, now: int) -> None:
    """Take all news that is there or comes."""
    line.arrived.clear()
    list(line.take(now))
    assert line.inbox or line.up or line.arrived.wait(15)


def of_utterance(peer: Peer) -> Packet:
    """The next message of an utterance; the status before it is confirmed."""
    packet = peer.read()
    while b"ciphertext" not in packet.body:
        assert packet.kind == PUBLISH
        packet = peer.read()
    return packet


def test_what_is_never_confirmed_leaves_again_on_a_new_connection(
    parts: tuple[Line, Delivery], peer: Peer
) -> None:
    line, delivery = parts
    delivery.send([sealed()], 0)
    first = of_utterance(peer)
    list(line.take(PATIENCE))
    assert delivery.moving
    list(line.take(PATIENCE + 1))
    come_up(line, peer, PATIENCE + 2)
    assert of_utterance(peer).payload(4) == first.payload(4)


def test_while_something_is_confirmed_now_and_then_the_connection_stands(
    parts: tuple[Line, Delivery], peer: Peer
) -> None:
    line, delivery = parts
    delivery.send([sealed()], 0)
    list(line.take(PATIENCE))
    peer.confirm(of_utterance(peer))
    while not line.inbox:
        assert line.arrived.wait(15)
        line.arrived.clear()
    list(line.take(PATIENCE))
    list(line.take(2 * PATIENCE - 1))
    assert line.up
    list(line.take(2 * PATIENCE + 1))
    peer.accept()
    assert peer.read().kind == CONNECT


def test_a_line_on_which_nothing_is_under_way_stands(parts: tuple[Line, Delivery], peer: Peer) -> None:
    line, delivery = parts
    assert not delivery.moving
    for at in (PATIENCE, 5 * PATIENCE):
        list(line.take(at))
    assert line.up
    delivery.send([sealed()], 5 * PATIENCE)
    assert of_utterance(peer).kind == PUBLISH
