"""The connection against a broker that is silent, broken, greedy or malicious: the test is the broker."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import pytest

from device.errors import StorageError
from device.uplink import Kind, News, Uplink
from tests.device.wire import (
    CONNECT,
    PUBLISH,
    Peer,
    departure,
    make_uplink,
    news_of,
    packed,
    sent,
    wait_for,
)

PROMPT_S = 2.0
"""Well below the patience that the uplink has with a broker."""


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


def stops_promptly(uplink: Uplink) -> bool:
    stopping = threading.Thread(target=uplink.stop, daemon=True)
    stopping.start()
    stopping.join(PROMPT_S)
    return not stopping.is_alive() and "uplink" not in {thread.name for thread in threading.enumerate()}


# -- silence -----------------------------------------------------------------------------------------


def test_it_stops_promptly_while_a_broker_accepts_and_says_nothing(peer: Peer, uplink: Uplink) -> None:
    peer.accept()
    assert peer.read().kind == CONNECT
    assert stops_promptly(uplink)


def test_it_stops_promptly_while_a_broker_owes_its_suback(peer: Peer, uplink: Uplink) -> None:
    peer.accept()
    peer.read()
    peer.line.sendall(packed(0x20, b"\0\0"))
    peer.read()
    assert stops_promptly(uplink)


def test_it_stops_promptly_while_nobody_is_there() -> None:
    with closing(Peer()) as gone:
        port = gone.port
    uplink = make_uplink(port)
    uplink.start()
    assert stops_promptly(uplink)


def test_a_broker_that_never_finishes_its_welcome_is_called_again(peer: Peer, uplink: Uplink) -> None:
    peer.accept()
    peer.read()
    peer.line.sendall(packed(0x20, b"\0\0"))
    silent, peer.line = peer.line, socket.socket()
    with closing(silent):
        peer.welcome()
        wait_for(uplink, Kind.UP)


def test_an_uplink_that_was_stopped_before_it_was_started_is_stopped() -> None:
    make_uplink(1).stop()


# -- a ledger that cannot be written -----------------------------------------------------------------


def test_without_a_row_on_disk_not_a_byte_leaves_and_the_fault_is_news(peer: Peer) -> None:
    fault = StorageError("egress.db: database or disk is full; make room")

    def about_to_connect() -> None:
        raise fault

    uplink = make_uplink(peer.port, about_to_connect=about_to_connect)
    uplink.start()
    assert wait_for(uplink, Kind.FAULT) == News(Kind.FAULT, fault=fault)
    peer.accept()
    with pytest.raises(EOFError):
        peer.read()
    uplink.stop()
    assert not uplink.inbox


# -- confirmations -----------------------------------------------------------------------------------


def test_a_confirmation_names_the_message_of_its_own_connection(peer: Peer, uplink: Uplink) -> None:
    for seq in range(1, 6):
        peer.welcome()
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(None, b"status"))  # has the message id that was never confirmed last time
        peer.confirm(peer.read())
        assert sent(uplink, 1) == [None]
        peer.line.close()
        wait_for(uplink, Kind.DOWN)
        peer.welcome()
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(seq, b"kept"))
        assert peer.read().kind == PUBLISH
        uplink.publish(departure(100 + seq, b"kept too"))
        peer.confirm(peer.read())
        assert sent(uplink, 1) == [100 + seq]
        peer.line.close()
        wait_for(uplink, Kind.DOWN)


def test_false_and_repeated_confirmations_are_no_news(peer: Peer, uplink: Uplink) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    uplink.publish(departure(1, b"kept"))
    packet = peer.read()
    for _ in range(3):
        peer.confirm(packet)
        peer.line.sendall(packed(0x40, b"\x77\x77"))
        peer.line.sendall(packed(0x90, b"\0\1\1\1"))
    peer.line.close()
    everything = []
    for news in news_of(uplink):
        everything.append((news.kind, news.seq))
        if news.kind is Kind.DOWN:
            break
    assert everything == [(Kind.SENT, 1), (Kind.DOWN, None)]


def test_what_is_published_without_a_connection_goes_nowhere_and_is_not_remembered(
    peer: Peer, uplink: Uplink
) -> None:
    uplink.publish(departure(1, b"too early"))
    peer.welcome()
    wait_for(uplink, Kind.UP)
    peer.line.close()
    wait_for(uplink, Kind.DOWN)
    uplink.publish(departure(2, b"too late"))
    peer.welcome()
    wait_for(uplink, Kind.UP)
    uplink.publish(departure(3, b"in time"))
    packet = peer.read()
    assert packet.payload(4) == b"in time"
    peer.confirm(packet)
    assert sent(uplink, 1) == [3]


# -- nonsense ----------------------------------------------------------------------------------------

NONSENSE = {
    "no MQTT at all": b"HTTP/1.1 400 Bad Request\r\n" * 8,
    "a topic that is no UTF-8": packed(0x30, b"\0\2\xff\xfe" + b"payload"),
    "a topic longer than its message": packed(0x30, b"\xff\xffx"),
    "a length of five digits": b"\x30\xff\xff\xff\xff\xff\x01",
    "an unknown kind": packed(0x00, b""),
    "an empty SUBACK": packed(0x90, b""),
    "an empty PUBACK": packed(0x40, b""),
    "a second CONNACK that refuses": packed(0x20, b"\0\5"),
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_after_nonsense_the_connection_ends_and_the_uplink_lives(
    peer: Peer, uplink: Uplink, nonsense: bytes
) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    peer.line.sendall(nonsense)
    wait_for(uplink, Kind.DOWN)
    peer.welcome()
    wait_for(uplink, Kind.UP)


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_instead_of_a_welcome_is_survived(peer: Peer, uplink: Uplink, nonsense: bytes) -> None:
    peer.accept()
    peer.read()
    peer.line.sendall(nonsense)
    peer.line.close()
    peer.welcome()
    news = news_of(uplink)
    failed = next(news)
    assert failed.kind is Kind.FAILED
    assert failed.why
    assert "\n" not in failed.why
    assert next(news).kind is Kind.UP


def test_the_same_reason_is_told_once(peer: Peer, uplink: Uplink) -> None:
    for _ in range(3):
        peer.accept()
        peer.read()
        peer.line.close()
    peer.welcome()
    assert [news.kind for news in islice(news_of(uplink), 2)] == [Kind.FAILED, Kind.UP]


def test_a_suback_without_a_connack_is_no_link(peer: Peer, uplink: Uplink) -> None:
    peer.accept()
    peer.read()
    peer.line.sendall(packed(0x90, b"\0\1\1\1"))
    peer.line.close()
    peer.accept()
    assert not uplink.up
    assert Kind.UP not in {news.kind for news in uplink.inbox if isinstance(news, News)}


def test_the_uplink_leaves_no_connection_open(peer: Peer, uplink: Uplink) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    uplink.stop()
    assert peer.read().kind  # DISCONNECT
    with pytest.raises(EOFError):
        peer.read()


# -- what paho would need minutes for ------------------------------------------------------------------

PROPERTY = bytes.fromhex("26000161000162")
"""A user property: its name is a, its value b. paho's time grows with the square of their length."""


def with_properties(count: int, qos: int = 0) -> bytes:
    """A message with so many properties."""
    length = len(PROPERTY) * count
    digits = bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14])
    return packed(0x30 | qos << 1, b"\0\1x" + bytes(2 * qos) + digits + PROPERTY * count + b"heard")


@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_with_long_properties_ends_the_connection_and_one_with_some_is_heard(
    peer: Peer, qos: int
) -> None:
    uplink = make_uplink(peer.port, "5")
    uplink.start()
    peer.accept()
    peer.read()
    peer.line.sendall(packed(0x20, b"\0\0\0"))
    peer.confirm(peer.read(), 0x90, b"\0\1\1")
    peer.line.sendall(with_properties(500, qos))
    assert wait_for(uplink, Kind.ARRIVED).payload == b"heard"
    peer.line.sendall(with_properties(100_000, qos))  # 700 kB, below the limit of a packet
    assert {news.kind for news in until_down(uplink)} == {Kind.DOWN}
    uplink.stop()


@pytest.mark.parametrize("first", [0x20, 0x40, 0x90, 0xE0, 0xF0])
def test_a_long_packet_that_is_no_message_ends_the_connection(peer: Peer, uplink: Uplink, first: int) -> None:
    peer.welcome()
    wait_for(uplink, Kind.UP)
    peer.line.sendall(packed(first, bytes(5000)))
    assert [news.kind for news in until_down(uplink)] == [Kind.DOWN]


def until_down(uplink: Uplink) -> list[News]:
    """Everything up to the end of the connection."""
    seen = []
    for news in news_of(uplink):
        seen.append(news)
        if news.kind is Kind.DOWN:
            break
    return seen
