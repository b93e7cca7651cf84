"""What comes down the line, checked. Whatever is not exactly right is refused, and nothing can start anything."""

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device.delivery import Ack
from device.envelope import ReaderKey, device_id, downlink, seal_once, topics
from device.keys import Identity
from device.orders import LONGEST_ANSWER_S, Answer, Command, Do, Keys, Order, Orders, Refused
from device.trust import Trust
from device.voice import Voice
from hardware.board import RATE_HZ
from tests.device.notes import ROOT, SIGNING, note

UTTERANCE, OTHER = "0a" * 16, "0b" * 16
REPLY = ReaderKey("x25519", b"y" * 32)
DEVICE_KEY = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
DEVICE = device_id(DEVICE_KEY.public_key().public_bytes_raw(), REPLY.public)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
TOPICS = {"ack": topics.ack(DEVICE), "response": topics.response(DEVICE), "command": topics.command(DEVICE)}

ACK = {"v": 1, "device": DEVICE, "utterance": UTTERANCE, "state": "complete"}
COMMAND = {"v": 1, "device": DEVICE, "serial": 5, "do": "volume", "to": 0.25}
RESPONSE = {"v": 1, "device": DEVICE, "utterance": UTTERANCE}
SPOKEN = {"text": "Noon", "intent": "time", "actions": [{"do": "timer", "after_s": 5}]}


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orders") / "keys.note"
    Trust(ROOT.vkey, path).take(note())
    return path


def make(memory: Path) -> Orders:
    return Orders(Identity(DEVICE, DEVICE_KEY, REPLY), Trust(ROOT.vkey, memory))


@pytest.fixture
def orders(memory: Path) -> Orders:
    return make(memory)


def give(
    orders: Orders, kind: str, body: dict[str, Any], attachment: bytes = b"", key: Ed25519PrivateKey = SIGNING
) -> Order:
    return orders.take(TOPICS[kind], downlink.sign(kind, body, key, attachment), False)


def framed(spoken: object, pcm: bytes = b"") -> bytes:
    record = spoken if isinstance(spoken, bytes) else rfc8785.dumps(spoken)  # type: ignore[arg-type]
    return len(record).to_bytes(4, "big") + record + pcm


def sealed(plain: bytes, utterance: str = UTTERANCE, reply: ReaderKey = REPLY) -> bytes:
    return seal_once(plain, reply.public, b"overheard/v1/response\0" + utterance.encode())


# -- what is in order --------------------------------------------------------------------------------


def test_an_acknowledgement_is_understood(orders: Orders) -> None:
    assert give(orders, "ack", ACK) == Ack(UTTERANCE, "complete", (), False, False)
    body = ACK | {"state": "missing", "missing": [[0, 3], [7, 7]], "begin": True, "end": False}
    assert give(orders, "ack", body) == Ack(UTTERANCE, "missing", ((0, 3), (7, 7)), True, False)
    assert give(orders, "ack", ACK | {"state": "truncated"}) == Ack(UTTERANCE, "truncated", (), False, False)


def test_an_answer_is_opened(orders: Orders) -> None:
    answer = give(orders, "response", RESPONSE, sealed(framed(SPOKEN, b"\1\0" * 160)))
    assert answer == Answer(UTTERANCE, "Noon", "time", (Do("timer", after_s=5),), b"\1\0" * 160)


def test_the_longest_answer_is_still_taken(orders: Orders) -> None:
    pcm = bytes(2 * RATE_HZ * LONGEST_ANSWER_S)
    answer = give(orders, "response", RESPONSE, sealed(framed(SPOKEN, pcm)))
    assert isinstance(answer, Answer)
    assert answer.pcm == pcm


@pytest.mark.parametrize("do", ["mute", "stop", "checkpoint"])
def test_a_command_is_understood(orders: Orders, do: Any) -> None:
    assert give(orders, "command", {"v": 1, "device": DEVICE, "serial": 0, "do": do}) == Command(do, None)
    assert give(orders, "command", COMMAND) == Command("volume", 0.25)


def test_a_keys_note_is_believed_retained_or_not(orders: Orders) -> None:
    assert orders.take(topics.KEYS, note(), True) == Keys()
    assert orders.take(topics.KEYS, note(), False) == Keys()


# -- what is not -------------------------------------------------------------------------------------


def refused(order: Order) -> str:
    assert isinstance(order, Refused)
    return order.why


@pytest.mark.parametrize(("kind", "body"), [("ack", ACK), ("command", COMMAND)])
def test_what_a_broker_retained_is_refused_though_the_cloud_signed_it(
    orders: Orders, kind: str, body: dict[str, Any]
) -> None:
    message = downlink.sign(kind, body, SIGNING)
    assert refused(orders.take(TOPICS[kind], message, True)) == "retained"
    assert not isinstance(orders.take(TOPICS[kind], message, False), Refused)


def test_a_command_counts_once_and_never_after_a_later_one(orders: Orders) -> None:
    message = downlink.sign("command", COMMAND, SIGNING)
    assert orders.take(TOPICS["command"], message, False) == Command("volume", 0.25)
    assert refused(orders.take(TOPICS["command"], message, False)) == "replayed"
    assert refused(give(orders, "command", COMMAND | {"serial": 4})) == "replayed"
    assert give(orders, "command", COMMAND | {"serial": 6}) == Command("volume", 0.25)


def test_a_command_that_is_refused_uses_up_no_serial(orders: Orders) -> None:
    far = COMMAND | {"serial": 2**50}
    assert isinstance(give(orders, "command", far, key=STRANGER), Refused)
    assert isinstance(give(orders, "command", far | {"do": "unmute"}), Refused)
    assert isinstance(give(orders, "command", far | {"device": "ovh-other"}), Refused)
    assert give(orders, "command", COMMAND) == Command("volume", 0.25)


@pytest.mark.parametrize(("kind", "body"), [("ack", ACK), ("command", COMMAND), ("response", RESPONSE)])
def test_what_is_for_another_device_is_refused(orders: Orders, kind: str, body: dict[str, Any]) -> None:
    attachment = sealed(framed(SPOKEN)) if kind == "response" else b""
    for device in ("ovh-other", "", 7, None):
        assert refused(give(orders, kind, body | {"device": device}, attachment)) == "other_device"


@pytest.mark.parametrize(("kind", "body"), [("ack", ACK), ("command", COMMAND), ("response", RESPONSE)])
def test_whom_the_root_did_not_name_is_not_obeyed(orders: Orders, kind: str, body: dict[str, Any]) -> None:
    attachment = sealed(framed(SPOKEN)) if kind == "response" else b""
    for key in (STRANGER, ROOT.key, DEVICE_KEY):
        assert refused(give(orders, kind, body, attachment, key)) == "not_in_order"


def test_nothing_is_obeyed_before_a_keys_note_was_believed(tmp_path: Path) -> None:
    orders = make(tmp_path / "none")
    assert refused(give(orders, "command", COMMAND)) == "no_key"
    assert (
        refused(orders.take(topics.KEYS, note(root=type(ROOT)("overheard-cloud", STRANGER)), True)) == "keys"
    )
    assert orders.take(topics.KEYS, note(), True) == Keys()
    assert give(orders, "command", COMMAND) == Command("volume", 0.25)


def test_an_answer_to_another_utterance_does_not_open(orders: Orders) -> None:
    assert refused(give(orders, "response", RESPONSE, sealed(framed(SPOKEN), OTHER))) == "not_in_order"
    other_device = sealed(framed(SPOKEN), reply=ReaderKey("x25519", b"z" * 32))
    assert refused(give(orders, "response", RESPONSE, other_device)) == "not_in_order"


NOT_ANSWERS = {
    "too long": framed(SPOKEN, bytes(2 * RATE_HZ * LONGEST_ANSWER_S + 2)),
    "half a sample": framed(SPOKEN, b"\0"),
    "nothing": b"",
    "no JSON": framed(b""),
    "a length beyond the end": (500).to_bytes(4, "big") + rfc8785.dumps(SPOKEN),  # type: ignore[arg-type]
    "no UTF-8": framed(b'{"actions":[],"intent":"\xff","text":""}'),
    "too deep": framed(b'{"actions":[],"intent":"","more":' + b"[" * 60_000),
    "a word more": framed(SPOKEN | {"listen": True}),
    "an unknown deed": framed(SPOKEN | {"actions": [{"do": "unmute"}]}),
    "a deed with more to it": framed(SPOKEN | {"actions": [{"do": "stop", "then": "listen"}]}),
    "too loud": framed(SPOKEN | {"actions": [{"do": "volume", "to": 1.01}]}),
    "a timer in the past": framed(SPOKEN | {"actions": [{"do": "timer", "after_s": 0}]}),
    "a timer for ever": framed(SPOKEN | {"actions": [{"do": "timer", "after_s": 1e300}]}),
}


@pytest.mark.parametrize("plain", NOT_ANSWERS.values(), ids=NOT_ANSWERS)
def test_an_answer_that_is_not_exactly_right_is_refused(orders: Orders, plain: bytes) -> None:
    assert refused(give(orders, "response", RESPONSE, sealed(plain))) == "not_in_order"


NOT_BODIES = [
    ("ack", ACK | {"state": "unmute"}),
    ("ack", ACK | {"utterance": UTTERANCE.upper()}),
    ("ack", ACK | {"utterance": UTTERANCE + "\n"}),
    ("ack", ACK | {"utterance": "../" + UTTERANCE[3:]}),
    ("ack", ACK | {"missing": [[1]]}),
    ("ack", ACK | {"missing": [["a", "b"]]}),
    ("ack", ACK | {"begin": 1}),
    ("ack", ACK | {"more": 1}),
    ("command", COMMAND | {"to": 1.5}),
    ("command", COMMAND | {"to": -0.1}),
    ("command", COMMAND | {"serial": -1}),
    ("command", COMMAND | {"serial": 0.5}),
    ("command", COMMAND | {"serial": "9"}),
    ("command", COMMAND | {"start": True}),
    *(
        ("command", COMMAND | {"do": do})
        for do in ("unmute", "start", "listen", "record", "wake", "", "Mute")
    ),
    ("response", RESPONSE | {"more": 1}),
]


@pytest.mark.parametrize(("kind", "body"), NOT_BODIES)
def test_a_signed_message_that_is_not_exactly_right_is_refused(
    orders: Orders, kind: str, body: dict[str, Any]
) -> None:
    attachment = sealed(framed(SPOKEN)) if kind == "response" else b""
    assert refused(give(orders, kind, body, attachment)) == "not_in_order"


# -- whatever the bytes ------------------------------------------------------------------------------

VALID = [
    (TOPICS["ack"], downlink.sign("ack", ACK, SIGNING)),
    (TOPICS["command"], downlink.sign("command", COMMAND, SIGNING)),
    (TOPICS["response"], downlink.sign("response", RESPONSE, SIGNING, sealed(framed(SPOKEN, b"\0\0")))),
]
ANY_TOPIC = st.sampled_from([*TOPICS.values(), topics.KEYS, topics.status(DEVICE)]) | st.text(max_size=60)


@given(topic=ANY_TOPIC, payload=st.binary(max_size=300), retained=st.booleans())
def test_no_bytes_under_any_topic_are_an_order(
    memory: Path, topic: str, payload: bytes, retained: bool
) -> None:
    assert isinstance(make(memory).take(topic, payload, retained), Refused)


@given(data=st.data())
def test_no_change_to_a_valid_message_leaves_an_order(memory: Path, data: st.DataObject) -> None:
    topic, message = data.draw(st.sampled_from(VALID))
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(len(message), start + 8)))
    changed = message[:start] + data.draw(st.binary(max_size=8)) + message[end:]
    if changed != message:
        assert isinstance(make(memory).take(topic, changed, False), Refused)


@given(topic=ANY_TOPIC, which=st.sampled_from(VALID))
def test_a_valid_message_under_the_topic_of_another_kind_is_refused(
    memory: Path, topic: str, which: tuple[str, bytes]
) -> None:
    if topic.rsplit("/", 1)[-1] != which[0].rsplit("/", 1)[-1]:
        assert isinstance(make(memory).take(topic, which[1], False), Refused)


@settings(max_examples=150)
@given(plain=st.binary(max_size=120) | st.binary(max_size=120).map(framed))
def test_whatever_an_answer_holds_it_is_an_answer_or_refused(memory: Path, plain: bytes) -> None:
    assert isinstance(give(make(memory), "response", RESPONSE, sealed(plain)), Answer | Refused)


# -- there is no word for it -------------------------------------------------------------------------


def literals(kind: Any) -> set[str]:
    """Every word that a value of this type can hold, its fields included."""
    if get_origin(kind) is Literal:
        return {str(word) for word in get_args(kind)}
    if get_origin(kind) in (Union, types.UnionType, tuple) or get_args(kind):
        return set().union(
            *(literals(part) for part in get_args(kind) if isinstance(part, type) or get_args(part))
        )
    if isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or hasattr(kind, "_fields")):
        return set().union(*(literals(hint) for hint in get_type_hints(kind, include_extras=False).values()))
    return set()


def test_no_order_exists_that_could_start_a_capture_or_unmute() -> None:
    assert set(get_args(Order)) == {Ack, Answer, Command, Keys, Refused}
    assert literals(Command) == {"mute", "stop", "volume", "checkpoint"}
    assert literals(Answer) == {"volume", "timer", "stop"}
    assert literals(Order) == {"mute", "stop", "volume", "checkpoint", "timer"}
    assert literals(Command | Literal["start"]) != literals(Command)  # the search finds what is there


class Horn:
    """A loudspeaker of which only the volume matters."""

    playing = False
    volume = 0.0

    def play(self, pcm: bytes) -> None: ...

    def stop(self) -> None: ...


@given(volume=st.floats(0, 1), wish=st.floats(0, 1))
def test_a_wish_from_afar_can_only_turn_the_volume_down(volume: float, wish: float) -> None:
    horn = Horn()
    Voice(horn, volume).quieter(wish)
    assert horn.volume == min(volume, wish)
