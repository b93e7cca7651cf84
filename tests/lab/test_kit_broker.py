"""Each fault of the mock broker, as paho clients on both sides of it see it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cloud_stub.broker import find_mosquitto
from lab.kit import packets
from lab.kit.broker import MockBroker
from lab.kit.errors import KitError, NotSeen
from lab.kit.faults import Way
from tests.lab.mqtt_client import Client

SPEAKER, INGEST = "ovh-test", "my-ingest"
NINE = [b"message %d" % number for number in range(9)]


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MockBroker]:
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    with MockBroker(tmp_path, request.param) as running:
        yield running


@pytest.fixture
def call(broker: MockBroker) -> Iterator[Callable[..., Client]]:
    """Makes clients; MQTT 5 where the broker has it."""
    made: list[Client] = []

    def make(name: str, subscribe: str | None = None) -> Client:
        made.append(Client(broker.port, name, five=broker.kind == "mosquitto", subscribe=subscribe))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def ingest(call: Callable[..., Client]) -> Client:
    return call(INGEST, "up/#").ready()


@pytest.fixture
def device(call: Callable[..., Client], ingest: Client) -> Client:  # noqa: ARG001  it is there first
    return call(SPEAKER, "down/#").ready()


def test_without_a_fault_it_is_a_broker(broker: MockBroker, device: Client, ingest: Client) -> None:
    device.publish(*NINE)
    ingest.publish(b"down", topic="down/x")
    device.wait_for(messages=1, confirmed=9)
    ingest.wait_for(messages=9)
    assert ingest.payloads == NINE
    assert [each.payload for each in broker.published("up/+")] == NINE
    assert {each.client for each in broker.published("up/+")} == {SPEAKER}
    assert [each.client for each in broker.published("down/#", way="down")] == [SPEAKER]
    kinds = [each.kind for each in broker.packets if each.client == SPEAKER and each.way == "up"]
    assert kinds[:2] == ["CONNECT", "SUBSCRIBE"]
    assert broker.connected(SPEAKER)
    assert broker.listens("up/anything")
    assert not broker.listens("other")


def test_cut_breaks_the_line_now_and_for_the_client_aimed_at_alone(
    broker: MockBroker, device: Client, ingest: Client, call: Callable[..., Client]
) -> None:
    broker.cut()
    assert device.ended.wait(10)
    call(SPEAKER).ready().publish(b"back")
    ingest.wait_for(messages=1)
    assert not ingest.ended.is_set()


def test_cut_after_publishes_lets_the_last_arrive_unconfirmed(
    broker: MockBroker, device: Client, ingest: Client
) -> None:
    device.publish(b"before")
    device.wait_for(confirmed=1)
    broker.cut(after_publishes=3)
    device.publish(*NINE)
    assert device.ended.wait(10)
    ingest.wait_for(messages=4)
    assert ingest.payloads == [b"before", *NINE[:3]]
    assert len(device.confirmed) < 4


def test_cut_within_a_publish_loses_it(broker: MockBroker, device: Client, ingest: Client) -> None:
    broker.cut(within_publish=2, after_bytes=6)
    device.publish(*NINE)
    assert device.ended.wait(10)
    ingest.wait_for(messages=1)
    ingest.publish(b"last", topic="up/last")
    ingest.wait_for(messages=2)
    assert ingest.payloads == [NINE[0], b"last"]


def test_duplicates_are_fresh_packets_that_their_sender_never_hears_of(
    broker: MockBroker, device: Client, ingest: Client
) -> None:
    broker.duplicate(times=2)
    ids = device.publish(*NINE)
    ingest.wait_for(messages=27)
    device.wait_for(confirmed=9)
    assert ingest.payloads == [each for each in NINE for _ in range(3)]
    assert not any(dup for _, _, dup in ingest.got)
    assert sorted(device.confirmed) == sorted(ids)
    broker.clear()
    device.publish(b"once")
    ingest.wait_for(messages=28)
    assert ingest.payloads[27:] == [b"once"]


def test_reorder_swaps_neighbours(broker: MockBroker, device: Client, ingest: Client) -> None:
    broker.reorder(pairs=1)
    device.publish(*NINE[:4])
    ingest.wait_for(messages=4)
    assert ingest.payloads == [NINE[1], NINE[0], *NINE[2:4]]


def test_what_waits_to_change_places_goes_on_when_the_fault_ends(
    broker: MockBroker, device: Client, ingest: Client
) -> None:
    broker.reorder()
    device.publish(b"alone")
    broker.wait_for("up/x")
    assert broker.withholds
    broker.clear()
    ingest.wait_for(messages=1)
    device.wait_for(confirmed=1)


def test_delay_holds_packets_by_the_clock_of_the_world(
    broker: MockBroker, device: Client, ingest: Client
) -> None:
    world = 0
    broker.turn_with(lambda: world)
    broker.delay(1000)
    device.publish(b"late")
    broker.wait_for("up/x")
    world = 15_999
    broker.tick()
    assert broker.withholds
    ingest.publish(b"mine", topic="up/mine")  # nobody aimed at it
    ingest.wait_for(messages=1)
    assert ingest.payloads == [b"mine"]
    world = 16_000
    broker.tick()
    ingest.wait_for(messages=2)
    assert ingest.payloads == [b"mine", b"late"]


def test_delay_without_a_world_is_real_time(broker: MockBroker, device: Client, ingest: Client) -> None:
    broker.delay(20)
    device.publish(*NINE)
    ingest.wait_for(messages=9)
    device.wait_for(confirmed=9)
    assert ingest.payloads == NINE


def greeting(name: bytes, level: int) -> bytes:
    """A CONNECT."""
    properties = b"\0" if level == 5 else b""
    head = b"\0\4MQTT" + bytes([level, 2, 0, 20]) + properties
    return packets.packed(0x10, head + len(name).to_bytes(2, "big") + name)


@pytest.mark.parametrize("reason", packets.REFUSALS)
def test_refusals_are_in_the_callers_own_version(broker: MockBroker, reason: str) -> None:
    broker.refuse(reason)
    five, three = packets.REFUSALS[reason]
    for level, answer in ((5, b"\x20\x03\0" + bytes([five, 0])), (4, b"\x20\x02\0" + bytes([three]))):
        with socket.create_connection((broker.host, broker.port), 10) as line:
            line.sendall(greeting(b"ovh-test", level))
            assert line.makefile("rb").read() == answer  # to the end: it hangs up


def test_who_is_refused_is_let_in_afterwards_and_others_always(
    broker: MockBroker, device: Client, call: Callable[..., Client]
) -> None:
    broker.refuse("not authorized")
    assert not broker.lets_in
    refused = call("ovh-another")
    assert refused.ended.wait(10)
    assert refused.refusals == ["Not authorized"]
    call("somebody").ready()
    device.publish(b"I was here before")
    device.wait_for(confirmed=1)
    broker.clear()
    call("ovh-another").ready()


def test_silence_takes_tcp_and_says_nothing(broker: MockBroker, device: Client, ingest: Client) -> None:
    broker.silence()
    device.publish(b"into the void")
    broker.wait_for("up/x")
    with socket.create_connection((broker.host, broker.port)) as line:
        line.sendall(greeting(b"ovh-else", 4))
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(1)
    ingest.publish(b"mine", topic="up/mine")
    ingest.wait_for(messages=1)
    assert ingest.payloads == [b"mine"]
    assert device.confirmed == []


def test_dropped_acks_hide_that_messages_arrived(broker: MockBroker, device: Client, ingest: Client) -> None:
    broker.drop_acks()
    device.publish(*NINE)
    ingest.wait_for(messages=9)
    assert device.confirmed == []
    broker.clear()
    device.publish(b"more")
    device.wait_for(confirmed=1)


@pytest.mark.parametrize("way", ["up", "down"])
def test_corrupt_changes_one_byte(broker: MockBroker, device: Client, ingest: Client, way: Way) -> None:
    broker.corrupt(1, way=way)
    sender, taker, topic = (device, ingest, "up/x") if way == "up" else (ingest, device, "down/x")
    sender.publish(b"abcde", b"abcde", topic=topic)
    taker.wait_for(messages=2)
    assert taker.payloads == [b"ab\x9cde", b"abcde"]


def test_a_malformed_packet_ends_the_connection(broker: MockBroker, device: Client, ingest: Client) -> None:
    broker.malformed()
    assert device.ended.wait(10)
    assert not ingest.ended.is_set()


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_ends_every_connection_and_forgets_what_was_retained(
    broker: MockBroker, device: Client, ingest: Client, call: Callable[..., Client], kill: bool
) -> None:
    broker.retain("down/keys", b"note")
    device.wait_for(messages=1)
    device.paho.publish("down/old", b"gone", qos=1, retain=True)
    device.wait_for(messages=2, confirmed=1)
    broker.down(kill=kill)
    assert device.ended.wait(10)
    assert ingest.ended.wait(10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((broker.host, broker.port))
    assert not broker.lets_in
    broker.up()
    back = call(SPEAKER, "down/#").ready()
    back.wait_for(messages=1)
    assert back.payloads == [b"note"]


def test_out_of_reach_is_an_outage_that_the_broker_does_not_notice(
    broker: MockBroker, device: Client, ingest: Client, call: Callable[..., Client]
) -> None:
    with broker.out_of_reach():
        assert device.ended.wait(10)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((broker.host, broker.port))
    call(SPEAKER).ready().publish(b"back")
    ingest.wait_for(messages=1)


def test_faults_can_be_aimed_at_the_ingest(broker: MockBroker, device: Client, ingest: Client) -> None:
    broker.aim = INGEST
    broker.cut()
    assert ingest.ended.wait(10)
    device.publish(b"x")
    device.wait_for(confirmed=1)
    assert not device.ended.is_set()


def test_what_is_not_mqtt_is_left_to_the_real_broker(broker: MockBroker) -> None:
    with socket.create_connection((broker.host, broker.port)) as line:
        line.settimeout(10)
        line.sendall(packets.MALFORMED)
        with suppress(ConnectionResetError):  # as good an end as any
            assert line.recv(1) == b""
    assert [each.kind for each in broker.packets] == ["MALFORMED"]


def test_asking_for_nonsense_says_what_there_is(broker: MockBroker) -> None:
    with pytest.raises(KitError, match=r"refuse 'because': MQTT has no such reason; one of .*not authorized"):
        broker.refuse("because")
    with pytest.raises(KitError, match="counts PUBLISH packets from 1"):
        broker.cut(after_publishes=0)
    with pytest.raises(NotSeen, match=r"up/#: 0 of 1 came within 0 s"):
        broker.wait_for("up/#", within_s=0)
