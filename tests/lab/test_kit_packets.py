"""The framing of MQTT, against arbitrary splits and against what paho itself writes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import paho.mqtt.client as paho
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lab.kit import packets
from lab.kit.packets import Framer, Packet, packed, parse

BODIES = st.binary(max_size=300) | st.integers(0, 20_000).map(bytes)
STREAM = st.lists(st.tuples(st.integers(16, 255), BODIES), max_size=6)
TOPICS = st.text(
    st.characters(exclude_characters="+#\0", exclude_categories=("Cs",)), min_size=1, max_size=40
)


def cut_up(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[first:last] for first, last in pairwise(edges)]


@given(STREAM, st.lists(st.integers(0, 1 << 20), max_size=12))
def test_a_stream_is_cut_into_the_packets_it_was_made_of(
    made: list[tuple[int, bytes]], places: list[int]
) -> None:
    whole = [packed(first, body) for first, body in made]
    framer = Framer()
    found = [packet for piece in cut_up(b"".join(whole), places) for packet in framer.feed(piece)]
    assert found == whole
    assert framer.rest == b""
    assert not framer.broken


@given(STREAM, st.binary(min_size=1, max_size=40))
def test_after_a_length_that_is_none_everything_is_left_as_it_is(
    made: list[tuple[int, bytes]], after: bytes
) -> None:
    whole = [packed(first, body) for first, body in made]
    framer = Framer()
    assert framer.feed(b"".join(whole) + packets.MALFORMED + after) == whole
    assert framer.broken
    assert framer.rest == packets.MALFORMED + after
    assert framer.feed(b"more") == []
    assert framer.rest.endswith(b"more")


@given(st.binary(max_size=200))
def test_whatever_comes_is_taken_apart_or_named_malformed(data: bytes) -> None:
    for raw in Framer().feed(data):
        for level in (4, 5):
            with suppress(packets.MalformedPacket):
                assert parse(raw, level).raw == raw


class Sink:
    """Takes paho's bytes, answers CONNECT and nothing else."""

    def __init__(self, level: int) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.level = level
        self.record = b""
        self.over = threading.Event()
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        line, _ = self._door.accept()
        self._door.close()
        with line:
            line.settimeout(10)
            while data := line.recv(4096):
                if not self.record:
                    line.sendall(b"\x20\x03\0\0\0" if self.level == 5 else b"\x20\x02\0\0")
                self.record += data
        self.over.set()


def written_by_paho(level: int, messages: list[tuple[str, bytes, int, bool]]) -> bytes:
    """The bytes of a session in which paho publishes these."""
    sink, connected = Sink(level), threading.Event()
    protocol = MQTTProtocolVersion.MQTTv5 if level == 5 else MQTTProtocolVersion.MQTTv311
    client = paho.Client(CallbackAPIVersion.VERSION2, "paho-itself", protocol=protocol)
    client.will_set("the/will", b"last words", qos=1)
    client.username_pw_set("somebody", "secret")
    client.on_connect = lambda *_: connected.set()
    client.max_inflight_messages_set(100)
    client.connect("127.0.0.1", sink.port)
    client.loop_start()
    assert connected.wait(10)
    client.subscribe([("a/+", 1), ("b/#", 0)])
    for topic, payload, qos, retain in messages:
        properties = None
        if level == 5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("key", "value" * 60)]
        client.publish(topic, payload, qos, retain, properties)
    client.unsubscribe("a/+")
    client.disconnect()
    client.loop_stop()
    assert sink.over.wait(10)
    return sink.record


@pytest.mark.parametrize("level", [4, 5])
@given(
    messages=st.lists(
        st.tuples(TOPICS, st.binary(max_size=400), st.integers(0, 2), st.booleans()), max_size=5
    ),
    places=st.lists(st.integers(0, 1 << 16), max_size=8),
)
@settings(max_examples=15, deadline=None)
def test_what_paho_writes_is_what_was_meant(
    messages: list[tuple[str, bytes, int, bool]], places: list[int], level: int
) -> None:
    record = written_by_paho(level, messages)
    framer = Framer()
    found = [parse(raw, level) for piece in cut_up(record, places) for raw in framer.feed(piece)]
    assert b"".join(packet.raw for packet in found) == record
    assert (found[0].kind, found[0].client, found[0].level) == ("CONNECT", "paho-itself", level)
    published = [(p.topic, p.payload, p.qos, p.retain) for p in found if p.kind == "PUBLISH"]
    assert published == messages
    ids = [p.packet_id for p in found if p.kind == "PUBLISH" and p.qos]
    assert len(set(ids) - {None, 0}) == len(ids)
    assert [p.filters for p in found if p.kind == "SUBSCRIBE"] == [("a/+", "b/#")]
    assert [found[-2].kind, found[-1].kind] == ["UNSUBSCRIBE", "DISCONNECT"]


@pytest.fixture(params=[4, 5])
def published(request: pytest.FixtureRequest) -> Iterator[Packet]:
    record = written_by_paho(request.param, [("up/x", b"payload", 1, True)])
    parsed = [parse(raw, request.param) for raw in Framer().feed(record)]
    return next(packet for packet in parsed if packet.kind == "PUBLISH")._replace(level=request.param)


def test_a_packet_again_differs_in_its_id_alone(published: Packet) -> None:
    with_dup = published._replace(raw=bytes([published.raw[0] | 8]) + published.raw[1:])
    twin = parse(packets.again(with_dup, 0xABCD), published.level)
    assert twin.packet_id == 0xABCD
    assert twin._replace(packet_id=published.packet_id, raw=published.raw, level=published.level) == published


def test_a_damaged_packet_differs_in_one_byte_of_its_payload(published: Packet) -> None:
    harmed = parse(packets.damaged(published), published.level)
    assert harmed.topic == published.topic
    assert sum(a != b for a, b in zip(harmed.payload, published.payload, strict=True)) == 1
    assert sum(a != b for a, b in zip(harmed.raw, published.raw, strict=True)) == 1


@pytest.mark.parametrize(
    ("topic_filter", "topic", "fits"),
    [
        ("#", "a/b", True), ("a/#", "a/b/c", True), ("a/#", "a", True), ("a/+", "a/b", True),
        ("a/+", "a/b/c", False), ("a/+/c", "a/b/c", True), ("a/b", "a/b", True), ("a/b", "a", False),
        ("a", "a/b", False), ("+/+", "/b", True),
    ],
)  # fmt: skip
def test_filters_fit_as_the_specification_says(topic_filter: str, topic: str, fits: bool) -> None:
    assert packets.matches(topic_filter, topic) is fits
