"""What is sent when: in order, within the window, and again when a connection broke."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.device.shelf import ASK, WINDOW, A, B, Room, complete, end, missing, sealed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "egress.db"


@pytest.fixture
def room(path: Path) -> Iterator[Room]:
    room = Room(path)
    with closing(room.outbox):
        yield room


# -- order, window, live and late --------------------------------------------------------------------


def test_a_message_leaves_as_it_is_made_while_the_way_is_free(room: Room) -> None:
    room.delivery.link(True, 0)
    room.delivery.send([sealed(A, None)], 0)
    assert room.wire.take() == [(1, "live")]
    room.delivery.send([sealed(A, 0)], 0)
    assert room.wire.take() == [(2, "live")]
    assert [told["cause"] for told in room.told] == ["live", "live"]


def test_nothing_leaves_and_nothing_is_written_down_as_left_without_a_link(room: Room) -> None:
    room.say(A, 3)
    room.delivery.tend(10_000)
    assert (room.wire.take(), room.outbox.size) == ([], 0)
    assert len(room.outbox.waiting()) == 5


def test_what_waited_leaves_in_order_and_within_the_window_when_the_link_comes_up(room: Room) -> None:
    seqs = room.say(A, 8)
    room.delivery.link(True, 0)
    assert room.wire.take() == [(seq, "late") for seq in seqs[:WINDOW]]
    room.land(seqs[0], seqs[1])
    assert room.wire.take() == [(seq, "late") for seq in seqs[WINDOW : WINDOW + 2]]
    room.land(*seqs)
    room.land(*seqs)
    assert room.wire.take() == [(seq, "late") for seq in seqs[WINDOW + 2 :]]


@pytest.mark.parametrize("window", [1, 2, 3, 64])
def test_no_more_than_the_window_is_ever_in_flight(path: Path, window: int) -> None:
    room = Room(path, window)
    with closing(room.outbox):
        room.delivery.link(True, 0)
        room.delivery.send(
            [sealed(A, None), *(sealed(A, part) for part in range(9))], 0
        )  # after a verification
        room.delivery.send([sealed(A, 9), end(A)], 0)
        flying: list[int] = []
        flown: list[int] = []
        while len(flown) < 12:
            room.delivery.tend(0)
            flying += [seq for seq, _ in room.wire.take()]
            assert 1 <= len(flying) <= window
            flown.append(flying.pop(0))
            room.delivery.sent(flown[-1])
        assert flown == list(range(1, 13))


def test_a_new_message_does_not_overtake_those_that_wait(room: Room) -> None:
    seqs = room.say(A, 6)
    room.delivery.link(True, 0)
    room.delivery.send([sealed(B, None)], 0)
    room.land(*seqs[:WINDOW])
    room.land(*seqs)
    assert [seq for seq, _ in room.wire.take()] == [*seqs, seqs[-1] + 1]


def test_messages_of_different_causes_keep_their_order(room: Room) -> None:
    room.delivery.link(True, 0)
    room.land(*room.say(A, 1))
    flying = room.say(B, WINDOW - 1, ended=False)
    waits = flying[-1] + 1
    room.delivery.send([sealed(B, 7)], 0)
    room.delivery.acknowledged(missing(A, (0, 0)), 0)
    room.delivery.send([sealed(B, 8)], 0)
    room.wire.take()
    room.land(*flying)
    assert room.wire.take() == [(waits, "late"), (2, "missing"), (waits + 1, "late")]


def test_late_messages_share_one_write_to_the_disk(path: Path) -> None:
    room = Room(path, window=64)
    with closing(room.outbox):
        room.say(A, 30)
        room.delivery.link(True, 0)
        rows_when_carried = [departure.row.index for departure in room.wire.carried]
        assert rows_when_carried == list(range(32))
        assert room.outbox.size == 32


# -- a broken connection -----------------------------------------------------------------------------


def test_after_a_lost_link_only_what_the_broker_had_not_confirmed_leaves_again(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 2)
    room.land(seqs[0], seqs[2])
    room.wire.take()
    room.delivery.link(False, 0)
    room.delivery.link(True, 0)
    assert room.wire.take() == [(seqs[1], "again"), (seqs[3], "again")]


def test_what_was_made_while_the_link_was_gone_leaves_late_and_once(room: Room) -> None:
    room.delivery.link(True, 0)
    room.delivery.link(False, 0)
    seqs = room.say(A, 1)
    room.delivery.link(True, 0)
    assert room.wire.take() == [(seq, "late") for seq in seqs]


def test_a_confirmation_that_comes_after_the_acknowledgement_is_not_kept_for_ever(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 1)
    room.delivery.acknowledged(complete(A), 0)
    for seq in [*seqs, None]:
        room.delivery.sent(seq)
    assert room.delivery.idle
    assert not room.delivery._landed


def test_what_the_broker_refused_has_not_landed_and_is_asked_about(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 1)
    room.wire.take()
    for seq in seqs:
        room.delivery.refused(seq)
    assert not room.delivery.moving, "its place in the window is free"
    room.delivery.tend(ASK)
    assert room.wire.take() == [(seqs[-1], "ask")]
    room.delivery.refused(seqs[-1])
    room.delivery.link(False, ASK)
    room.delivery.link(True, ASK)
    assert room.wire.take() == [(seq, "again") for seq in seqs]


def test_a_confirmation_of_an_earlier_connection_confirms_nothing(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 1)
    room.delivery.link(False, 0)
    room.land(*seqs)
    room.delivery.link(True, 0)
    assert [seq for seq, _ in room.wire.take()][-3:] == seqs
