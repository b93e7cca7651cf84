"""Only the cloud's signed word empties the outbox; until it comes, the device asks, ever more rarely."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from device.asks import Ack
from device.ledger import parse_row
from tests.device.shelf import ASK, A, B, Room, complete, end, missing, sealed, truncated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "egress.db"


@pytest.fixture
def room(path: Path) -> Iterator[Room]:
    room = Room(path)
    with closing(room.outbox):
        yield room


# -- what the cloud says -----------------------------------------------------------------------------


def test_a_complete_utterance_is_forgotten_and_others_are_not(room: Room) -> None:
    room.delivery.link(True, 0)
    room.say(A, 1)
    room.say(B, 1)
    room.delivery.acknowledged(complete(A), 0)
    assert {waiting.utterance for waiting in room.outbox.waiting()} == {B}
    assert room.delivery.unacknowledged == 1


def test_what_the_cloud_misses_leaves_again_and_nothing_else(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 6)
    room.land(*seqs)
    room.land(*seqs)
    room.wire.take()
    room.delivery.acknowledged(missing(A, (1, 2), (5, 99), (-7, -1), begin=True), 0)
    room.delivery.tend(0)
    assert room.wire.take() == [(seqs[i], "missing") for i in (0, 2, 3, 6)]
    room.delivery.acknowledged(missing(A, (1, 2)), 0)  # they are on their way
    room.delivery.tend(0)
    assert room.wire.take() == []
    room.land(*seqs)
    room.delivery.acknowledged(missing(A, end=True), 0)
    room.delivery.tend(0)
    assert room.wire.take() == [(seqs[7], "missing")]


def test_what_is_lost_again_and_again_is_repaired_at_every_answer_to_a_question(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 2)
    room.land(*seqs)
    room.wire.take()
    repaired = []
    for now in range(ASK * 600):
        room.delivery.tend(now)
        for seq, cause in room.wire.take():
            room.delivery.sent(seq)
            if (seq, cause) == (seqs[-1], "ask"):
                room.delivery.acknowledged(missing(A, (0, 0)), now)
                room.delivery.tend(now)
                repaired += room.wire.take()
                room.delivery.sent(seqs[1])
    assert repaired == [(seqs[1], "missing")] * 14


def test_what_the_cloud_misses_is_not_taken_for_delivered_when_the_link_breaks(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 1)
    room.land(*seqs)
    room.delivery.acknowledged(missing(A, (0, 0)), 0)
    room.delivery.link(False, 0)
    room.wire.take()
    room.delivery.link(True, 0)
    assert room.wire.take() == [(seqs[1], "again")]


def test_an_acknowledgement_of_the_utterance_being_made_is_ignored(room: Room) -> None:
    room.delivery.link(True, 0)
    room.say(A, 2, ended=False)
    room.wire.take()
    for ack in (complete(A), truncated(A), missing(A, (0, 5), begin=True)):
        room.delivery.acknowledged(ack, 0)
        room.delivery.tend(0)
    assert (len(room.outbox.waiting(A)), room.wire.take()) == (3, [])
    room.delivery.send([sealed(A, 2), end(A)], 0)
    room.delivery.acknowledged(complete(A), 0)
    assert room.outbox.waiting(A) == []


def test_what_a_power_cut_truncated_is_dropped_with_a_row_once_the_cloud_has_it(
    path: Path,
) -> None:
    before = Room(path)
    before.say(A, 2, ended=False)
    before.outbox.close()
    room = Room(path)
    with closing(room.outbox):
        room.delivery.link(True, 0)
        room.delivery.acknowledged(truncated(A), 0)
        assert len(room.outbox.waiting()) == 3
        room.land(1, 2, 3)
        room.delivery.acknowledged(truncated(A), 0)
        row = parse_row(list(room.outbox.rows())[-1])
        assert (row.kind, row.utterance, row.cause) == ("dropped", A, "truncated")
        assert room.delivery.idle


def test_an_utterance_that_has_its_end_is_not_dropped_because_the_cloud_lost_patience(room: Room) -> None:
    room.delivery.link(True, 0)
    room.land(*room.say(A, 1))
    room.delivery.acknowledged(truncated(A), 0)
    assert len(room.outbox.waiting(A)) == 3
    assert room.delivery.unacknowledged == 1


@pytest.mark.parametrize("state", ["complete", "missing", "truncated"])
def test_an_acknowledgement_of_an_unknown_utterance_does_nothing(room: Room, state: str) -> None:
    room.say(A, 1)
    room.delivery.acknowledged(Ack(B, state, ((0, 5),), True, True), 0)
    assert (room.outbox.size, len(room.outbox.waiting())) == (0, 3)


# -- asking again ------------------------------------------------------------------------------------


def test_the_end_is_sent_again_ever_more_rarely_until_it_is_acknowledged(room: Room) -> None:
    room.delivery.link(True, 0)
    *_, last = room.say(A, 1)
    asked = []
    for now in range(0, ASK * 600, ASK // 2):
        room.delivery.tend(now)
        for seq, cause in room.wire.take():
            room.delivery.sent(seq)
            asked += [now] if (seq, cause) == (last, "ask") else []
    waits = [after - before for before, after in zip([0, *asked], asked, strict=False)]
    assert waits == [ASK * min(2**times, 64) for times in range(len(waits))]
    assert len(waits) > 10
    room.delivery.acknowledged(complete(A), 0)
    room.delivery.tend(ASK * 10_000)
    assert room.wire.take() == []


def test_nothing_is_asked_without_a_link_nor_at_once_when_it_comes_back(room: Room) -> None:
    room.delivery.link(True, 0)
    seqs = room.say(A, 1)
    room.land(*seqs)
    room.wire.take()
    room.delivery.link(False, 0)
    room.delivery.tend(10 * ASK)
    room.delivery.link(True, 20 * ASK)
    assert room.wire.take() == []
    room.delivery.tend(21 * ASK)
    assert room.wire.take() == [(seqs[-1], "ask")]


# -- after a power cut -------------------------------------------------------------------------------


def test_what_a_power_cut_left_is_noted_once_and_still_sent(path: Path) -> None:
    first = Room(path)
    first.say(A, 2, ended=False)
    first.say(B, 1)
    first.outbox.close()
    for _ in range(3):
        room = Room(path)
        rows = [parse_row(row) for row in room.outbox.rows()]
        assert [(row.utterance, row.cause) for row in rows if row.kind == "dropped"] == [(A, "power_lost")]
        assert room.delivery.unacknowledged == 2
        room.outbox.close()
    room = Room(path)
    room.delivery.link(True, 0)
    room.land(1, 2, 3)
    assert [seq for seq, _ in room.wire.take()] == [1, 2, 3, 4, 5, 6]
    room.outbox.close()


def test_about_what_has_no_end_the_question_is_its_last_segment_and_its_begin(path: Path) -> None:
    before = Room(path)
    before.say(A, 2, ended=False)
    before.outbox.close()
    room = Room(path)
    with closing(room.outbox):
        room.delivery.link(True, 0)
        room.land(1, 2, 3)
        room.wire.take()
        room.delivery.tend(ASK)
        assert room.wire.take() == [(3, "ask"), (1, "ask")]
