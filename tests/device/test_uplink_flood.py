"""However much a broker sends, and however large: what waits is bounded, and the uplink goes on."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from device.uplink import Kind, News, Uplink
from tests.device.wire import Peer, departure, make_uplink, sent, wait_for


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


def flood(peer: Peer, uplink: Uplink, messages: list[bytes]) -> list[News]:
    """Send everything while nobody takes any news, hang up, and return what waited."""
    peer.welcome()
    wait_for(uplink, Kind.UP)
    for payload in messages:
        peer.publish(payload)
    peer.line.close()
    peer.accept()  # it comes back, so the flood is over
    uplink.stop()
    waiting = []
    while uplink.inbox:
        waiting.append(uplink.take())
    assert waiting[-1] == News(Kind.DOWN)
    return [news for news in waiting if news.kind is Kind.ARRIVED]


def test_a_flood_is_bounded_in_messages(peer: Peer, uplink: Uplink) -> None:
    kept = flood(peer, uplink, [b"%d" % i for i in range(5000)])
    assert [news.payload for news in kept] == [b"%d" % i for i in range(len(kept))]
    assert 100 < len(kept) <= 1024
    assert uplink.lost == 5000 - len(kept)


def test_a_flood_is_bounded_in_bytes(peer: Peer, uplink: Uplink) -> None:
    kept = flood(peer, uplink, [bytes(1 << 20)] * 40)
    assert 0 < sum(len(news.payload) for news in kept) <= 8 << 20
    assert uplink.lost == 40 - len(kept)


def test_an_oversized_message_is_dropped_and_the_next_arrives(peer: Peer, uplink: Uplink) -> None:
    kept = flood(peer, uplink, [bytes((1 << 20) + 1), b"small", bytes(1 << 20)])
    assert [len(news.payload) for news in kept] == [5, 1 << 20]
    assert uplink.lost == 1


def test_what_was_taken_makes_room(peer: Peer, uplink: Uplink) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    for _ in range(40):
        peer.publish(bytes(1 << 20))
        assert len(wait_for(uplink, Kind.ARRIVED).payload) == 1 << 20
    assert uplink.lost == 0


def test_large_messages_arrive_whole_and_in_order_while_the_broker_talks(peer: Peer, uplink: Uplink) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    for _ in range(8):
        for seq in range(1, 61):
            uplink.publish(departure(seq, b"%02d" % seq + bytes(60_000)))
            peer.publish(b"meanwhile")
        for seq in range(1, 61):
            packet = peer.read()
            assert packet.payload(4) == b"%02d" % seq + bytes(60_000)
            peer.confirm(packet)
        assert sent(uplink, 60) == list(range(1, 61))
