"""MQTT as the device speaks it, and every way of saying a little more with it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.ledger import Row
from lab.audit.capture.stream import At
from lab.audit.line import mqtt
from lab.audit.line.nonsense import Nonsense
from lab.audit.line.talk import Device, Talk
from lab.audit.line.windows import packet_bytes
from lab.kit.packets import packed

NAME = "ovh-" + "a" * 26
DEVICE = Device(NAME, alive_s=20)
SEGMENT = f"overheard/v1/{NAME}/up/utterance/{'0' * 32}/segment"
STATUS = f"overheard/v1/{NAME}/up/status"
AT = At(1, 1)


def text(value: str) -> bytes:
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def connect(
    flags: int = 0x2E, properties: bytes = b"\x27\0\x10\0\0", name: str = NAME, alive_s: int = 20,
    will: bytes = b"\0" + text(STATUS) + b"\0\2{}", more: bytes = b"",
) -> bytes:  # fmt: skip
    head = text("MQTT") + bytes([5, flags]) + alive_s.to_bytes(2, "big") + bytes([len(properties)])
    return packed(0x10, head + properties + text(name) + will + more)


def subscribe(topics: tuple[str, ...] = DEVICE.wants, number: int = 1, options: int = 1) -> bytes:
    wanted = b"".join(text(topic) + bytes([options]) for topic in topics)
    return packed(0x82, number.to_bytes(2, "big") + b"\0" + wanted)


def publish(
    number: int = 2, topic: str = SEGMENT, first: int = 0x32, properties: bytes = b"", payload: bytes = b"x"
) -> bytes:
    body = text(topic) + number.to_bytes(2, "big") + bytes([len(properties)]) + properties + payload
    return packed(first, body)


def told(*said: bytes, broker: bytes = b"") -> list[str]:
    talk = Talk(DEVICE)
    talk.hear(True, said[0], AT)
    talk.hear(False, packed(0x20, b"\0\0\0") + broker, AT)
    for each in said[1:]:
        talk.hear(True, each, AT)
    return [strange.what for strange in talk.strange]


COMMAND = packed(0x32, text(f"overheard/v1/{NAME}/down/command") + b"\0\7\0" + b"x")


def test_what_the_device_says_is_nothing_strange() -> None:
    said = (connect(), subscribe(), publish(), packed(0x40, b"\0\7"), b"\xc0\0", publish(3, STATUS, 0x33))
    assert told(*said, packed(0xE0, b""), broker=COMMAND) == []


def test_nor_is_what_it_says_in_mqtt_311() -> None:
    talk = Talk(DEVICE)
    body = text("MQTT") + b"\x04\x2e\0\x14" + text(NAME) + text(STATUS) + b"\0\2{}"
    talk.hear(True, packed(0x10, body), AT)
    talk.hear(True, packed(0x32, text(SEGMENT) + b"\0\1xyz"), AT)
    assert not talk.strange
    assert [(said.topic, said.size) for said in talk.said] == [(STATUS, 2), (SEGMENT, 3)]


def test_a_user_name_a_password_another_name_and_another_session_are_found() -> None:
    assert told(connect(flags=0xAE, more=text("me"))) == ["a user name in a CONNECT"]
    assert told(connect(flags=0x6E, more=text("secret"))) == ["a password in a CONNECT"]
    assert told(connect(flags=0x2C)) == ["a session that goes on in a CONNECT"]
    assert told(connect(name="ovh-other"))[0].startswith("a CONNECT as 'ovh-other'")
    assert told(connect(alive_s=21)) == ["a CONNECT that says every 21 s, and it was told otherwise"]
    hidden = b"\x26" + text("a") + text("bcd")
    assert told(connect(properties=hidden)) == ["9 bytes of properties in a CONNECT"]
    assert told(connect(flags=0x0E)) == ["a last will of another kind than the device's"]


MORE = "a SUBSCRIBE to other than what is the device's own, or once more"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((publish(properties=b"\x01\x01"),), "2 bytes of properties in a PUBLISH"),
        ((publish(first=0x3A),), "a PUBLISH that is sent otherwise than once, with QoS 1"),
        ((publish(first=0x34),), "a PUBLISH that is sent otherwise than once, with QoS 1"),
        ((publish(first=0x33),), f"a PUBLISH at {SEGMENT} with its retain flag turned"),
        ((publish(number=3),), "packet id 3, and the next is 2"),
        ((publish(), publish()), "packet id 2, and the next is 3"),
        ((packed(0x40, b"\0\7"), packed(0x40, b"\0\7")), "a PUBACK of something that did not come"),
        ((packed(0x40, b"\0\7\0"),), "a PUBACK of something that did not come"),
        ((b"\xc0\0", b"\xc0\0"), "a second PINGREQ before the first was answered"),
        ((b"\xc1\0",), "a packet of MQTT of 2 bytes that the device has no use for"),
        ((packed(0xC0, b"abc"),), "a packet of MQTT of 5 bytes that the device has no use for"),
        ((packed(0xE0, b"\x04"),), "a packet of MQTT of 3 bytes that the device has no use for"),
        ((packed(0xA2, b"\0\2"),), "a packet of MQTT of 4 bytes that the device has no use for"),
        ((packed(0xF0, b"abc"),), "a packet of MQTT of 5 bytes that the device has no use for"),
        ((packed(0xE0, b""), b"\xc0\0"), "2 bytes after it said goodbye"),
        ((subscribe(number=2),), MORE),
        ((subscribe((*DEVICE.wants, "secret/said"), 2),), MORE),
    ],
)
def test_what_says_more_than_it_must_is_found(said: tuple[bytes, ...], why: str) -> None:
    assert any(each.startswith(why) for each in told(connect(), subscribe(), *said, broker=COMMAND))


@pytest.mark.parametrize(
    ("topics", "options"), [(DEVICE.wants[:-1], 1), (DEVICE.wants[::-1], 1), (DEVICE.wants, 5)]
)
def test_so_is_another_subscription(topics: tuple[str, ...], options: int) -> None:
    assert told(connect(), subscribe(topics, options=options)) == [MORE]


@pytest.mark.parametrize(
    "said",
    [
        b"\x32\xff\xff\xff\xff\x01", b"\x32\x80\0", b"\x32\xff\xff\xff\x7f", publish(), connect()[:-1] + b"",
        packed(0x10, text("MQIsdp") + bytes(20)), packed(0x10, text("MQTT") + b"\x05\x01\0\0\0\0\0"),
    ],
)  # fmt: skip
def test_what_is_no_mqtt_is_not_read_on(said: bytes) -> None:
    talk = Talk(DEVICE)
    try:
        left = talk.hear(True, said, AT)
    except Nonsense:
        return
    assert left == len(said)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=10))
def test_no_bytes_end_it(said: list[tuple[bool, bytes]]) -> None:
    talk = Talk(DEVICE)
    talk.hear(True, connect(), AT)
    try:
        for up, data in said:
            talk.hear(up, data, AT)
    except Nonsense:
        pass


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([mqtt.THREE, mqtt.FIVE]), st.integers(0, 30_000))
def test_a_row_tells_how_long_its_packet_is(level: int, size: int) -> None:
    row = Row(index=0, kind="segment", topic=SEGMENT, bytes=size, sha256="0" * 64)
    body = text(SEGMENT) + b"\0\1" + (b"\0" if level == mqtt.FIVE else b"") + bytes(size)
    assert packet_bytes(row, NAME, level) == len(packed(0x32, body))
