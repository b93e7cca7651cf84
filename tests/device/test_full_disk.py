"""A speaker whose state disk is full goes on: it loses nothing that it has, refuses aloud what it cannot
write down, sends nothing without a row, and recovers by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from device.asks import Ack
from device.delivery import Delivery
from device.envelope import topics
from device.errors import DiskError
from device.ledger import parse_row
from device.line import Line, caller
from device.outbox import Outbox
from tests.device.house import House, s, span
from tests.device.notes import DEVICE, make_orders, note
from tests.device.shelf import (
    ASK,
    SIGNER,
    A,
    B,
    Room,
    complete,
    head,
    head_of_rows,
    missing,
    sealed,
    seen_by_another,
    truncated,
)
from tests.device.small_disk import Limit, a_small_disk, fill, limit
from tests.device.wire import PUBLISH, Peer, make_uplink

NO_ROOM = 1


@pytest.fixture
def disk() -> Iterator[Limit]:
    with limit() as found:
        yield found


def whole(house: House) -> None:
    """Everything that was said is in the outbox, and is what the room sounded like."""
    rows = house.rows()
    assert [row.index for row in rows] == list(range(len(rows)))
    for utterance in house.utterances():
        first, end = span(utterance)
        assert utterance.pcm == house.room[2 * first : 2 * end]


def reasons(house: House) -> list[str]:
    return [fields["reason"] for _, fields in house.of("utterance")]


def storage(house: House) -> list[bool]:
    """Whether the disk refused, each time that changed."""
    return [bool(fields["why"]) for _, fields in house.of("storage")]


# -- the firmware ------------------------------------------------------------------------------------


def speak_with_a_full_disk(house: House, full: Callable[[], object], room: Callable[[], object]) -> None:
    """Hold the button while the disk fills, again while it is full, and once more when there is room."""
    for at, call in [
        (1, house.board.press), (2, full), (4, house.board.release),
        (5, house.board.tap),
        (7, room),
        (13, house.board.press), (15, house.board.release),
    ]:  # fmt: skip
        house.at(at, call)
    house.run()


def recovered(house: House) -> None:
    assert reasons(house) == ["error", "released"]
    (first, _), (second, _) = house.of("utterance")
    assert s(2) <= first < s(4), "it ended when it could not be kept"
    assert second >= s(15)
    refused = [(sample, fields["why"]) for sample, fields in house.of("refused")]
    assert refused == [(sample, "storage") for sample, _ in refused]
    assert len(refused) == 1
    earcons = [sample for sample, _ in house.board.played if s(2) <= sample < s(6)]
    assert len(earcons) == 2, "one when it ended, one when it refused"
    assert storage(house) == [True, False]
    assert [utterance.end.reason for utterance in house.utterances()] == ["error", "released"]
    assert [row.cause for row in house.rows() if row.kind == "refused"] == ["storage"]
    whole(house)


def test_a_limit_on_files_ends_what_is_kept_refuses_what_comes_and_is_recovered_from(
    tmp_path: Path, disk: Limit
) -> None:
    house = House(tmp_path, 18, noise_floor=300)
    speak_with_a_full_disk(house, lambda: disk.set(NO_ROOM), disk.lift)
    recovered(house)


def test_a_full_filesystem_ends_what_is_kept_refuses_what_comes_and_is_recovered_from(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    with a_small_disk(state, 1 << 20):
        state.chmod(0o700)
        house = House(tmp_path, 18, noise_floor=300)
        speak_with_a_full_disk(house, lambda: fill(state), (state / "ballast").unlink)
        recovered(house)


def test_a_full_disk_at_the_end_loses_only_the_end_and_the_next_start_says_so(
    tmp_path: Path, disk: Limit
) -> None:
    house = House(tmp_path, 6)
    house.at(1, house.board.press)
    house.at(2, lambda: disk.set(NO_ROOM))
    house.run()
    assert not house.board.microphone.is_open
    disk.lift()
    kept = seen_by_another(house.state / "egress.db")[1]
    assert len(kept) > 5
    again = House(tmp_path, 2)
    again.run()
    assert ("dropped", "power_lost") in [(row.kind, row.cause) for row in again.rows()]
    assert seen_by_another(house.state / "egress.db")[1] == kept


def test_a_capture_that_was_to_begin_anew_and_cannot_be_written_down_is_refused(
    tmp_path: Path, disk: Limit
) -> None:
    """It was begun, and samples were lost while its chime sounded."""
    house = House(tmp_path, 8, "audio.wake_earcon = true\n")
    house.at(1, house.board.press)
    house.at(1.4, lambda: disk.set(NO_ROOM))
    house.at(1.42, lambda: house.board.overrun(500))
    house.at(5, disk.lift)
    house.run()
    assert "storage" in [fields["why"] for _, fields in house.of("refused")]
    assert house.phases() == ["idle", "listening", "idle"]
    assert house.lit() == []
    assert house.utterances() == []
    whole(house)


def test_a_proposal_that_cannot_be_written_down_captures_nothing(tmp_path: Path, disk: Limit) -> None:
    house = House(tmp_path, 8)
    house.say("wake/alexa", 1)
    house.at(0.5, lambda: disk.set(NO_ROOM))
    house.at(5, disk.lift)
    house.run()
    assert [fields["why"] for _, fields in house.of("refused")] == ["storage"]
    assert house.phases() == ["idle"]
    assert house.lit() == []
    assert house.utterances() == []
    whole(house)


def test_mute_from_afar_holds_though_it_cannot_be_remembered(tmp_path: Path) -> None:
    house = House(tmp_path, 6)
    in_the_way = house.state / "mute.new" / "file"
    house.at(1, house.link)
    house.at(2, lambda: in_the_way.parent.mkdir() or in_the_way.touch())
    house.at(3, lambda: house.command("mute"))
    house.run()
    assert house.phases()[-1] == "muted"
    assert storage(house) == [True]
    again = House(tmp_path, 1)
    again.run()
    assert again.phases() == ["muted"]


# -- the line ----------------------------------------------------------------------------------------


@pytest.fixture
def peer() -> Iterator[Peer]:
    with closing(Peer()) as peer:
        yield peer


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "egress.db", SIGNER)) as outbox:
        yield outbox


@pytest.fixture
def line(outbox: Outbox, peer: Peer, tmp_path: Path) -> Iterator[Line]:
    boot = "00" * 8
    will = caller(DEVICE, boot).will
    uplink = make_uplink(peer.port, "3.1.1", lambda: outbox.connect(will))
    orders = make_orders(tmp_path / "keys.note")
    yield Line((DEVICE, boot), outbox, uplink, Delivery(outbox, uplink, 8, 100), orders)
    uplink.stop()


def take_until(line: Line, now: int, done: Callable[[], bool]) -> None:
    while not done():
        line.arrived.clear()
        list(line.take(now))
        assert done() or line.inbox or line.arrived.wait(15)


def test_a_connection_without_its_row_is_not_made_and_is_made_when_there_is_room(
    line: Line, peer: Peer, outbox: Outbox, disk: Limit
) -> None:
    disk.set(NO_ROOM)
    line.start()
    for _ in range(2):
        peer.accept()
        with pytest.raises(EOFError):
            peer.read()
    assert outbox.trouble is not None
    assert outbox.size == 0
    disk.lift()
    come_up(line, peer)
    assert outbox.trouble is None


def come_up(line: Line, peer: Peer) -> None:
    while True:
        try:
            peer.welcome()
            break
        except EOFError:
            pass  # dialled while there was no room
    peer.publish(note(), topics.KEYS.encode())
    take_until(line, 0, lambda: line.up)


def test_a_status_without_its_row_does_not_leave_and_the_line_is_down_until_there_is_room(
    line: Line, peer: Peer, outbox: Outbox, disk: Limit
) -> None:
    line.start()
    peer.welcome()
    disk.set(NO_ROOM)
    peer.publish(note(), topics.KEYS.encode())
    take_until(line, 0, lambda: outbox.trouble is not None)
    assert not line.up
    assert [parse_row(row).kind for row in outbox.rows()] == ["connect"]
    list(line.take(s(60)))
    assert not line.up, "tried again, and refused again"
    disk.lift()
    list(line.take(s(61)))
    assert not line.up, "not tried all the time"
    list(line.take(s(120)))
    assert line.up
    assert peer.read().kind == PUBLISH
    assert [parse_row(row).kind for row in outbox.rows()] == ["connect", "status"]


# -- what waits --------------------------------------------------------------------------------------


def test_nothing_that_waits_leaves_or_is_forgotten_while_the_disk_refuses(
    tmp_path: Path, disk: Limit
) -> None:
    room = Room(tmp_path / "egress.db", window=64)
    room.say(A, 3)
    room.say(B, 3)
    disk.set(NO_ROOM)
    room.delivery.link(True, 0)
    assert room.wire.take() == []
    room.delivery.acknowledged(complete(A), 0)
    assert len(room.outbox.waiting()) == 10
    disk.lift()
    room.delivery.tend(s(60))
    assert sorted({seq for seq, _ in room.wire.take()}) == [waiting.seq for waiting in room.outbox.waiting()]
    room.delivery.acknowledged(complete(A), 0)
    room.delivery.acknowledged(complete(B), 0)
    assert room.delivery.unacknowledged == 0
    assert room.outbox.waiting() == []
    assert head_of_rows(room.outbox) == (room.outbox.size, head(room.outbox).root)
    room.outbox.close()


def test_an_acknowledgement_that_the_disk_refused_is_asked_for_again(tmp_path: Path, disk: Limit) -> None:
    room = Room(tmp_path / "egress.db", window=64)
    room.delivery.link(True, 0)
    seqs = room.say(A, 1)
    room.land(*seqs)
    room.wire.take()
    disk.set(NO_ROOM)
    room.delivery.acknowledged(complete(A), 0)
    assert room.delivery.unacknowledged == 1
    disk.lift()
    room.delivery.tend(10 * ASK)
    assert room.wire.take() == [(seqs[-1], "ask")]
    room.outbox.close()


def test_a_disk_that_refuses_is_left_alone_for_a_while(tmp_path: Path, disk: Limit) -> None:
    room = Room(tmp_path / "egress.db", window=64)
    room.say(A, 1)
    disk.set(NO_ROOM)
    room.delivery.link(True, 0)
    asked: list[str] = []
    room.outbox._db.set_trace_callback(asked.append)
    for frame in range(100):
        room.delivery.tend(320 * frame)
    assert asked == []
    room.delivery.tend(s(10))
    assert "BEGIN IMMEDIATE" in asked
    disk.lift()
    room.outbox.close()


def test_of_more_rows_than_may_wait_for_room_one_says_how_many_are_lost(outbox: Outbox, disk: Limit) -> None:
    disk.set(NO_ROOM)
    for sample in range(1234):
        outbox.jot("muted", first_sample=sample, cause="button_tap")
    disk.lift()
    outbox.catch_up()
    outbox.note("boot")
    *muted, lost, boot = map(parse_row, outbox.rows())
    assert [row.first_sample for row in muted] == list(range(1000)), "the first is the cause of the rest"
    assert (lost.kind, lost.utterance, lost.cause) == ("dropped", None, "rows_forgotten:234")
    assert boot.kind == "boot"
    assert head_of_rows(outbox) == (1002, head(outbox).root)


def unreadable(outbox: Outbox) -> None:
    """From now on SQLite gives up whatever it is asked, as it does when a card can't be read."""
    outbox._db.set_progress_handler(lambda: 1, 1)


def readable(outbox: Outbox) -> None:
    outbox._db.set_progress_handler(None, 0)


@pytest.mark.parametrize("word", [complete(A), missing(A, (0, 0)), truncated(A)], ids=lambda ack: ack.state)
def test_an_acknowledgement_while_the_disk_cannot_be_read_does_nothing(tmp_path: Path, word: Ack) -> None:
    room = Room(tmp_path / "egress.db", window=64)
    room.delivery.link(True, 0)
    seqs = room.say(A, 1)
    room.land(*seqs)
    room.wire.take()
    unreadable(room.outbox)
    with pytest.raises(DiskError):
        room.outbox.waiting(A)
    room.delivery.acknowledged(word, 0)
    readable(room.outbox)
    assert room.delivery.unacknowledged == 1
    room.delivery.tend(10 * ASK)
    assert room.wire.take() == [(seqs[-1], "ask")]
    room.outbox.close()


def test_a_link_that_comes_up_while_the_disk_cannot_be_read_sends_what_waits_when_it_can(
    tmp_path: Path,
) -> None:
    room = Room(tmp_path / "egress.db", window=64)
    seqs = room.say(A, 2)
    unreadable(room.outbox)
    room.delivery.link(True, 0)
    assert room.delivery.moving, "it has not forgotten that there may be something"
    readable(room.outbox)
    seqs += room.say(B, 1)
    room.delivery.tend(s(60))
    assert room.wire.take() == [(seq, "late") for seq in seqs], "in order, each once"
    room.outbox.close()


def test_rows_of_what_stayed_wait_for_room_and_go_before_the_next(outbox: Outbox, disk: Limit) -> None:
    disk.set(NO_ROOM)
    with pytest.raises(DiskError):
        outbox.note("trigger", utterance=A, first_sample=1, cause="button_tap")
    outbox.jot("refused", first_sample=1, cause="storage")
    outbox.jot("muted", first_sample=2, cause="button_tap")
    assert outbox.size == 0
    disk.lift()
    (departure,) = outbox.put([sealed()], depart=True)[1]
    assert departure.row.index == 2
    assert [parse_row(row).kind for row in outbox.rows()] == ["refused", "muted", "segment"]
    assert head_of_rows(outbox) == (3, head(outbox).root)
