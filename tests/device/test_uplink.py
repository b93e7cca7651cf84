"""The connection against real brokers: it comes up, comes back, and writes each message once."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cloud_stub.broker import Broker, find_mosquitto, open_broker
from device.uplink import Kind, Uplink
from tests.device.wire import (
    CALLER,
    CONNECT,
    DISCONNECT,
    PUBLISH,
    Protocol,
    Proxy,
    departure,
    make_uplink,
    packets,
    sent,
    wait_for,
)

SPOKEN: dict[str, Protocol] = {"mosquitto": "5", "amqtt": "3.1.1"}


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A broker that is not started."""
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    broker = open_broker(request.param, 0, tmp_path / "broker")
    yield broker
    broker.stop()


@contextmanager
def running(uplink: Uplink) -> Iterator[Uplink]:
    uplink.start()
    try:
        yield uplink
    finally:
        uplink.stop()


def level_of(record: bytes | bytearray) -> int:
    return packets(record)[0].level


def published(record: bytes | bytearray) -> list[bytes]:
    level = level_of(record)
    return [packet.payload(level) for packet in packets(record) if packet.kind == PUBLISH]


def test_mqtt_5_where_the_broker_has_it_and_3_1_1_where_it_has_not(broker: Broker) -> None:
    broker.start()
    with closing(Proxy(broker.port)) as proxy, running(make_uplink(proxy.port, "auto")) as uplink:
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(7, b"sealed"))
        assert sent(uplink, 1) == [7]
    levels = [level_of(record) for record in proxy.recorded]
    assert levels == ([5] if broker.kind == "mosquitto" else [5, 4])


@pytest.mark.parametrize(("protocol", "level"), [("5", 5), ("3.1.1", 4)])
def test_a_protocol_that_is_named_is_the_only_one_tried(
    tmp_path: Path, protocol: Protocol, level: int
) -> None:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    with (
        open_broker("mosquitto", 0, tmp_path) as broker,
        closing(Proxy(broker.port)) as proxy,
        running(make_uplink(proxy.port, protocol)) as uplink,
    ):
        wait_for(uplink, Kind.UP)
    assert [level_of(record) for record in proxy.recorded] == [level]


def test_the_row_of_a_connection_is_written_before_its_first_byte(broker: Broker) -> None:
    broker.start()
    proxy = Proxy(broker.port)
    rows: list[list[int]] = []

    def about_to_connect() -> None:
        rows.append([len(record) for record in proxy.recorded[len(rows) :]])

    with closing(proxy), running(make_uplink(proxy.port, SPOKEN[broker.kind], about_to_connect)) as uplink:
        wait_for(uplink, Kind.UP)
    assert len(rows) == len(proxy.recorded)
    assert all(sizes in ([], [0]) for sizes in rows)
    assert all(packets(record)[0].kind == CONNECT for record in proxy.recorded)
    assert all(CALLER.will in record for record in proxy.recorded)


def test_a_broker_that_appears_later_is_found(broker: Broker) -> None:
    with running(make_uplink(broker.port, SPOKEN[broker.kind])) as uplink:
        assert not uplink.up
        broker.start()
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(1, b"sealed"))
        assert sent(uplink, 1) == [1]


def test_a_broker_that_was_killed_and_came_back_is_found_again(broker: Broker) -> None:
    broker.start()
    with running(make_uplink(broker.port, SPOKEN[broker.kind])) as uplink:
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(1, b"before"))
        assert sent(uplink, 1) == [1]
        broker.kill()
        wait_for(uplink, Kind.DOWN)
        uplink.publish(departure(2, b"nobody is there"))
        broker.start()
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(3, b"after"))
        assert sent(uplink, 1) == [3]


def test_what_the_broker_sends_arrives_with_its_topic_and_whether_it_was_retained(broker: Broker) -> None:
    broker.start()
    with running(make_uplink(broker.port, SPOKEN[broker.kind])) as uplink:
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(None, b"note", "overheard/v1/keys"), retain=True)
        news = wait_for(uplink, Kind.ARRIVED)
        assert (news.topic, news.payload, news.retained) == ("overheard/v1/keys", b"note", False)
    with running(make_uplink(broker.port, SPOKEN[broker.kind])) as uplink:
        news = wait_for(uplink, Kind.ARRIVED)
        assert (news.payload, news.retained) == (b"note", True)


@pytest.mark.parametrize("cut_after", [400, 2000, 8000])
def test_a_message_is_on_the_wire_once_though_the_connection_breaks(broker: Broker, cut_after: int) -> None:
    broker.start()
    first = {seq: b"first-%03d" % seq + bytes(200) for seq in range(1, 41)}
    second = {seq: b"second-%03d" % seq + bytes(200) for seq in range(41, 61)}
    with (
        closing(Proxy(broker.port)) as proxy,
        running(make_uplink(proxy.port, SPOKEN[broker.kind])) as uplink,
    ):
        wait_for(uplink, Kind.UP)
        proxy.cut_after = cut_after
        for seq, payload in first.items():
            uplink.publish(departure(seq, payload))
        wait_for(uplink, Kind.DOWN)
        wait_for(uplink, Kind.UP)
        for seq, payload in second.items():
            uplink.publish(departure(seq, payload))
        assert sorted(seq or 0 for seq in sent(uplink, 20)) == list(second)
    *_, last = records = [published(record) for record in proxy.recorded]
    everything = [payload for record in records for payload in record]
    assert len(everything) == len(set(everything)), "no message twice"
    assert sorted(last) == sorted(second.values()), "nothing of the first connection on the second"


def test_a_clean_end_says_goodbye_after_everything_else(broker: Broker) -> None:
    broker.start()
    with closing(Proxy(broker.port)) as proxy:
        with running(make_uplink(proxy.port, SPOKEN[broker.kind])) as uplink:
            wait_for(uplink, Kind.UP)
            for seq in range(30):
                uplink.publish(departure(seq, b"%d" % seq))
        record = proxy.whole_record()
        assert published(record) == [b"%d" % seq for seq in range(30)]
        assert packets(record)[-1].kind == DISCONNECT
