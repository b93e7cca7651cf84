"""Whatever bytes come down the line: none of them starts a capture, unmutes, or turns the volume up."""

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.asks import Ack
from device.envelope import downlink, topics
from device.orders import Answer, Command, Granted, Keys, Order, Refused
from device.trust import Trust
from device.voice import Voice
from tests.device.notes import (
    ACK,
    COMMAND,
    DEVICE,
    RESPONSE,
    ROOT,
    SIGNING,
    SPOKEN,
    TOPICS,
    framed,
    give,
    make_orders,
    note,
    sealed,
)


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orders") / "keys.note"
    Trust(ROOT.vkey, path).take(note())
    return path


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
    assert isinstance(make_orders(memory).take(topic, payload, retained), Refused)


@given(data=st.data())
def test_no_change_to_a_valid_message_leaves_an_order(memory: Path, data: st.DataObject) -> None:
    topic, message = data.draw(st.sampled_from(VALID))
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(len(message), start + 8)))
    changed = message[:start] + data.draw(st.binary(max_size=8)) + message[end:]
    if changed != message:
        assert isinstance(make_orders(memory).take(topic, changed, False), Refused)


@given(topic=ANY_TOPIC, which=st.sampled_from(VALID))
def test_a_valid_message_under_the_topic_of_another_kind_is_refused(
    memory: Path, topic: str, which: tuple[str, bytes]
) -> None:
    if topic.rsplit("/", 1)[-1] != which[0].rsplit("/", 1)[-1]:
        assert isinstance(make_orders(memory).take(topic, which[1], False), Refused)


@settings(max_examples=150)
@given(plain=st.binary(max_size=120) | st.binary(max_size=120).map(framed))
def test_whatever_an_answer_holds_it_is_an_answer_or_refused(memory: Path, plain: bytes) -> None:
    assert isinstance(give(make_orders(memory), "response", RESPONSE, sealed(plain)), Answer | Refused)


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
    assert set(get_args(Order)) == {Ack, Answer, Command, Granted, Keys, Refused}
    assert literals(Command) == {"mute", "stop", "volume", "checkpoint"}
    assert literals(Answer) == {"volume", "timer", "stop"}
    assert literals(Granted) == {"issued", "waiting", "refused"}
    assert literals(Order) == {"mute", "stop", "volume", "checkpoint", "timer"} | literals(Granted)
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
