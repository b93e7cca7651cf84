"""When the ledger cannot be written the conversation ends: nothing leaves unseen, nothing is left running."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from device.delivery import Delivery
from device.envelope import topics
from device.errors import StorageError
from device.ledger import parse_row
from device.line import Line, caller
from device.outbox import Outbox
from device.uplink import Uplink
from tests.device.notes import DEVICE, make_orders, note
from tests.device.shelf import SIGNER
from tests.device.wire import PUBLISH, Peer, make_uplink

BOOT = "00" * 8


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "egress.db", SIGNER)) as outbox:
        yield outbox


@pytest.fixture
def peer() -> Iterator[Peer]:
    with closing(Peer()) as peer:
        yield peer


@pytest.fixture
def line(outbox: Outbox, peer: Peer, tmp_path: Path) -> Iterator[Line]:
    will = caller(DEVICE, BOOT).will
    uplink: Uplink = make_uplink(peer.port, "3.1.1", lambda: outbox.connect(will))
    orders = make_orders(tmp_path / "keys.note")
    yield Line((DEVICE, BOOT), outbox, uplink, Delivery(outbox, uplink, 8, 100), orders)
    uplink.stop()


def come_up(line: Line, peer: Peer) -> None:
    """Take news until the cloud has greeted the device."""
    line.start()
    peer.welcome()
    peer.publish(note(), topics.KEYS.encode())
    while not line.up:
        line.arrived.clear()
        list(line.take(0))
        assert line.up or line.inbox or line.arrived.wait(15)


def test_the_connection_and_the_status_are_in_the_ledger_when_the_broker_sees_them(
    line: Line, peer: Peer, outbox: Outbox
) -> None:
    come_up(line, peer)
    status = peer.read()
    assert status.kind == PUBLISH
    assert status.flags & 1, "retained"
    assert [parse_row(row).kind for row in outbox.rows()] == ["connect", "status"]


def test_it_hangs_up_though_its_goodbye_cannot_be_written_down(
    line: Line, peer: Peer, outbox: Outbox
) -> None:
    come_up(line, peer)
    peer.read()
    outbox.close()
    with pytest.raises(StorageError):
        line.stop()
    assert "uplink" not in {thread.name for thread in threading.enumerate()}
    assert peer.read().kind != PUBLISH
    with pytest.raises(EOFError):
        peer.read()


def test_a_connection_that_cannot_be_written_down_is_not_made_and_ends_the_loop(
    line: Line, peer: Peer, outbox: Outbox
) -> None:
    outbox.close()
    line.start()
    peer.accept()
    with pytest.raises(EOFError):
        peer.read()
    assert line.arrived.wait(15)
    with pytest.raises(StorageError):
        list(line.take(0))
    assert not line.up
