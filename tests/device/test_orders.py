"""What comes down the line, checked: what is in order is understood, and all the rest is refused."""

from pathlib import Path
from typing import Any

import pytest
import rfc8785

from device.asks import Ack
from device.envelope import ReaderKey, downlink, topics
from device.errors import StorageError
from device.ledger import Signer
from device.orders import LONGEST_ANSWER_S, Answer, Command, Do, Keys, Order, Orders, Refused
from device.serials import Serials
from device.trust import Trust
from hardware.board import RATE_HZ
from tests.device.notes import (
    ACK,
    COMMAND,
    DEVICE,
    DEVICE_KEY,
    OTHER,
    RESPONSE,
    ROOT,
    SIGNING,
    SPOKEN,
    STRANGER,
    TOPICS,
    UTTERANCE,
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


@pytest.fixture
def orders(memory: Path, tmp_path: Path) -> Orders:
    return make_orders(memory, tmp_path / "serial")


def refused(order: Order) -> str:
    assert isinstance(order, Refused)
    return order.why


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
    proved = {"v": 1, "device": DEVICE, "serial": 9, "do": "checkpoint", "since": 7}
    assert give(orders, "command", proved) == Command("checkpoint", None, 7)


def test_a_keys_note_is_believed_retained_or_not(orders: Orders) -> None:
    assert orders.take(topics.KEYS, note(), True) == Keys()
    assert orders.take(topics.KEYS, note(), False) == Keys()


# -- what is not -------------------------------------------------------------------------------------


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


def test_a_command_counts_once_over_restarts_too(memory: Path, tmp_path: Path) -> None:
    message = downlink.sign("command", COMMAND, SIGNING)
    for serial in (5, 7):
        orders = make_orders(memory, tmp_path / "serial")
        assert give(orders, "command", COMMAND | {"serial": serial}) == Command("volume", 0.25)
        assert (tmp_path / "serial").read_bytes() == b"%d\n" % serial
    again = make_orders(memory, tmp_path / "serial")
    assert refused(again.take(TOPICS["command"], message, False)) == "replayed"
    assert refused(give(again, "command", COMMAND | {"serial": 7})) == "replayed"
    (tmp_path / "serial").unlink()
    forgetful = make_orders(memory, tmp_path / "serial")
    assert forgetful.take(TOPICS["command"], message, False) == Command("volume", 0.25)


def test_a_serial_that_the_disk_does_not_take_is_refused_and_can_come_again(
    memory: Path, tmp_path: Path
) -> None:
    (tmp_path / "serial.new").mkdir()  # where it would be written first
    orders = make_orders(memory, tmp_path / "serial")
    assert refused(give(orders, "command", COMMAND)) == "not_remembered"
    (tmp_path / "serial.new").rmdir()
    assert give(orders, "command", COMMAND) == Command("volume", 0.25)
    proved = {"v": 1, "device": DEVICE, "serial": 9, "do": "checkpoint", "since": 7}
    assert give(orders, "command", proved) == Command("checkpoint", None, 7)


@pytest.mark.parametrize("held", [b"", b"-1\n", b"five\n", b"5", b"5\n5\n", b"\0" * 512, b"9" * 5000 + b"\n"])
def test_a_memory_that_is_no_serial_is_one_line(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "serial").write_bytes(held)
    with pytest.raises(StorageError, match=r"/serial: not a serial; move it away[^\n]*$"):
        Serials(tmp_path / "serial")


def test_the_highest_serial_is_remembered_and_nothing_follows_it(memory: Path, tmp_path: Path) -> None:
    last = COMMAND | {"serial": 2**53 - 1}
    assert give(make_orders(memory, tmp_path / "serial"), "command", last) == Command("volume", 0.25)
    assert refused(give(make_orders(memory, tmp_path / "serial"), "command", last)) == "replayed"


def test_a_command_that_is_refused_uses_up_no_serial(orders: Orders) -> None:
    far = COMMAND | {"serial": 2**50}
    assert isinstance(give(orders, "command", far, key=STRANGER), Refused)
    assert isinstance(give(orders, "command", far | {"do": "unmute"}), Refused)
    assert isinstance(give(orders, "command", far | {"device": "ovh-other"}), Refused)
    assert give(orders, "command", COMMAND) == Command("volume", 0.25)
    proved = {"v": 1, "device": DEVICE, "serial": 9, "do": "checkpoint", "since": 7}
    assert give(orders, "command", proved) == Command("checkpoint", None, 7)


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
    orders = make_orders(tmp_path / "none")
    assert refused(give(orders, "command", COMMAND)) == "no_key"
    assert refused(orders.take(topics.KEYS, note(root=Signer(ROOT.name, STRANGER)), True)) == "keys"
    assert orders.take(topics.KEYS, note(), True) == Keys()
    assert give(orders, "command", COMMAND) == Command("volume", 0.25)
    proved = {"v": 1, "device": DEVICE, "serial": 9, "do": "checkpoint", "since": 7}
    assert give(orders, "command", proved) == Command("checkpoint", None, 7)


def test_an_answer_to_another_utterance_does_not_open(orders: Orders) -> None:
    assert refused(give(orders, "response", RESPONSE, sealed(framed(SPOKEN), OTHER))) == "not_in_order"
    other_device = sealed(framed(SPOKEN), reply=ReaderKey("x25519", b"z" * 32))
    assert refused(give(orders, "response", RESPONSE, other_device)) == "not_in_order"


NOT_ANSWERS = {
    "too long": framed(SPOKEN, bytes(2 * RATE_HZ * LONGEST_ANSWER_S + 2)),
    "half a sample": framed(SPOKEN, b"\0"),
    "nothing": b"",
    "no JSON": framed(b""),
    "a length beyond the end": (500).to_bytes(4, "big") + rfc8785.dumps(SPOKEN),
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
