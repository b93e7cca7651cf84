"""What the true key could do to keep the loop from the microphone, or the disk busy: bounded, all of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from device.envelope import downlink, topics
from device.mute import MuteMemory
from device.orders import LONGEST_BODY_BYTES, LONGEST_NOTE_BYTES, Command, Refused
from device.trust import Trust
from hardware.board import FRAME_SAMPLES
from tests.device.house import House
from tests.device.notes import ACK, COMMAND, DEVICE, ROOT, SIGNING, TOPICS, give, make_orders, note
from tests.device.shelf import ASK, A, Room, missing


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, 4.0)
    yield house
    with closing(house.speaker.parts.outbox):
        house.board.close()


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    path = tmp_path / "keys.note"
    Trust(ROOT.vkey, path).take(note())
    return path


def test_a_body_that_would_take_long_to_check_is_refused_by_its_length(memory: Path) -> None:
    orders = make_orders(memory)
    body = ACK | {"state": "missing", "missing": [[i, i] for i in range(400)]}
    assert not isinstance(give(orders, "ack", body), Refused)  # twice what a device can ever be asked for
    body["missing"] = [[i, i] for i in range(1000)]
    assert len(downlink.sign("ack", body, SIGNING)) > LONGEST_BODY_BYTES
    assert give(orders, "ack", body) == Refused("not_in_order")


@pytest.mark.parametrize(
    "topic", [topics.command("ovh-other"), "command", "/command", f"overheard/v2/{DEVICE}/down/command", ""]
)
def test_a_true_command_under_a_topic_that_nobody_subscribed_to_is_refused(memory: Path, topic: str) -> None:
    message = downlink.sign("command", COMMAND, SIGNING)
    assert make_orders(memory).take(topic, message, False) == Refused("topic")
    assert not isinstance(make_orders(memory).take(TOPICS["command"], message, False), Refused)


def test_in_one_frame_only_so_much_is_taken_however_much_waits(house: House) -> None:
    inbox = house.speaker.parts.line.inbox
    long = b"\n" * LONGEST_NOTE_BYTES
    for _ in range(64):
        house.arrive(topics.KEYS, long)
    list(house.speaker.parts.line.take(0))
    assert 56 < len(inbox) < 64
    list(house.speaker.parts.line.take(FRAME_SAMPLES))
    assert len(inbox) < 60  # and the next frame goes on


def test_a_message_longer_than_all_that_is_taken_in_a_frame_is_taken(house: House) -> None:
    house.arrive(topics.KEYS, bytes(1 << 20))
    list(house.speaker.parts.line.take(0))
    assert not house.speaker.parts.line.inbox


def test_however_many_commands_come_one_is_written_and_obeyed_a_frame_and_a_mute_among_them(
    house: House,
) -> None:
    house.link()
    list(house.speaker.parts.line.take(0))
    for do in ["stop"] * 40 + ["mute"] + ["stop"] * 23:
        house.command(do)
    written: list[bytes] = []
    obeyed: list[str] = []
    for frame in range(64):
        orders = list(house.speaker.parts.line.take(frame * FRAME_SAMPLES))
        obeyed += [order.do for order in orders if isinstance(order, Command)]
        assert len(obeyed) == frame + 1
        written.append((house.state / "serial").read_bytes())
    assert written == [b"%d\n" % serial for serial in range(1, 65)]
    assert obeyed[40] == "mute"


def test_a_command_that_is_played_back_holds_nothing_up(house: House) -> None:
    house.link()
    list(house.speaker.parts.line.take(0))
    house.command("stop")
    [played] = house.speaker.parts.line.inbox
    list(house.speaker.parts.line.take(0))
    house.speaker.parts.line.inbox.extend([played] * 40)
    house.command("mute")
    assert list(house.speaker.parts.line.take(0)) == [Command("mute", None)]
    assert house.speaker.parts.line.refused["replayed"] == 40


HOUR = 360 * ASK
"""Where the cloud is asked after 10 s for the first time."""


@pytest.mark.parametrize("by", ["all at once", "each in turn"])
def test_a_missing_that_is_played_back_for_hours_costs_a_message_few_rows_an_hour(
    tmp_path: Path, by: str
) -> None:
    room = Room(tmp_path / "egress.db", window=64)
    with closing(room.outbox):
        room.delivery.link(True, 0)
        room.land(*room.say(A, 4))
        room.wire.take()
        everything = missing(A, (0, 3), begin=True, end=True)
        acks = [everything] if by == "all at once" else [missing(A, (part, part)) for part in range(4)]
        rows = []
        for hour in range(3):
            left: Counter[int] = Counter()
            for step in range(7200):
                now = hour * HOUR + step * HOUR // 7200
                room.delivery.acknowledged(acks[step % len(acks)], now)
                room.delivery.tend(now)
                for seq, cause in room.wire.take():
                    room.delivery.sent(seq)
                    left[seq] += cause == "missing"
                    assert left[seq] <= 17
            rows.append(max(left.values()))
        assert 0 < rows[2] <= rows[1] <= 12


def test_however_often_it_is_asked_a_checkpoint_is_written_once_a_second(house: House) -> None:
    house.link()

    def ask() -> None:
        for _ in range(5):
            house.command("checkpoint")

    for at_s in (1.0, 1.5, 2.5, 3.2):
        house.at(at_s, ask)
    house.run()
    assert [row.kind for row in house.rows()].count("checkpoint") == 2


def test_mute_that_is_on_disk_is_not_written_again(tmp_path: Path) -> None:
    memory = MuteMemory(tmp_path, first_run=True)
    memory.set(True)
    written = (tmp_path / "mute").stat().st_ino
    memory.set(True)
    assert (tmp_path / "mute").stat().st_ino == written
    memory.set(False)
    assert not MuteMemory(tmp_path, first_run=False).on


def test_the_first_wish_is_written_whatever_was_read(tmp_path: Path) -> None:
    memory = MuteMemory(tmp_path, first_run=False)  # unknown: muted, and nothing there
    memory.set(True)
    assert (tmp_path / "mute").read_bytes() == b"muted\n"
