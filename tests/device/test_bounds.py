"""What waits is bounded by bytes, by number and by age; the oldest goes first, whole, with a row, and never
the live one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.bounds import Bounds, Coming, Stock
from device.ledger import parse_row
from device.outbox import Outbox
from tests.device.house import s
from tests.device.shelf import SIGNER, A, B, C, Room, complete, end, sealed

NAMES = [f"{number:032x}" for number in range(8)]
CHANGES = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 100), st.booleans()), max_size=40)


@given(CHANGES)
def test_the_stock_is_what_a_count_from_the_beginning_gives(changes: list[tuple[str, int, bool]]) -> None:
    stock, kept = Stock(), dict[str, int]()
    for utterance, size, goes in changes:
        if goes:
            stock.remove(utterance)
            kept.pop(utterance, None)
        else:
            stock.add(utterance, size, 0)
            kept[utterance] = kept.get(utterance, 0) + size
    assert (len(stock), stock.bytes) == (len(kept), sum(kept.values()))
    oldest = stock.oldest(but=None)
    assert (oldest[0] if oldest else None) == next(iter(kept), None)


def test_what_is_sealed_anew_keeps_its_place_and_its_age() -> None:
    stock = Stock([(A, 10, 1), (B, 20, 2)])
    stock.rename(A, C, 15)
    assert (stock.oldest(but=None), stock.bytes, len(stock)) == ((C, 1), 35, 2)


@pytest.mark.parametrize(
    ("bounds", "coming", "goes"),
    [
        (Bounds(max_bytes=30), Coming(), None),
        (Bounds(max_bytes=30), Coming(bytes=1), (A, "outbox_full")),
        (Bounds(max_utterances=2), Coming(), None),
        (Bounds(max_utterances=2), Coming(utterances=1), (A, "outbox_full")),
        (Bounds(max_age_s=9), Coming(), None),
        (Bounds(max_age_s=8.9), Coming(), (A, "outbox_age")),
    ],
)
def test_exactly_the_bound_may_wait(bounds: Bounds, coming: Coming, goes: tuple[str, str] | None) -> None:
    assert bounds.first_to_go(Stock([(A, 10, 1), (B, 20, 2)]), 10, None, coming) == goes


def test_the_live_one_never_goes() -> None:
    tight = Bounds(0, 0, 0)
    assert tight.first_to_go(Stock([(A, 10, 1)]), 10, A) is None
    assert tight.first_to_go(Stock([(A, 10, 1), (B, 10, 2)]), 10, A) == (B, "outbox_age")


# -- in the outbox and the delivery --------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "egress.db"


def dropped(room: Room) -> list[tuple[str | None, str | None]]:
    return [(row.utterance, row.cause) for row in map(parse_row, room.outbox.rows()) if row.kind == "dropped"]


@pytest.fixture
def small(path: Path) -> Iterator[Room]:
    """Two utterances may wait, for a minute."""
    room = Room(path, bounds=Bounds(max_utterances=2, max_age_s=60))
    with closing(room.outbox):
        yield room


def test_the_oldest_makes_room_with_a_row_and_the_witness_is_told(small: Room) -> None:
    for utterance in (A, B, C):
        small.say(utterance, 2)
    assert dropped(small) == [(A, "outbox_full")]
    assert {waiting.utterance for waiting in small.outbox.waiting()} == {B, C}
    assert [told for told in small.told if told["kind"] == "dropped"] == [
        {"kind": "dropped", "id": A, "why": "outbox_full"}
    ]
    assert small.delivery.unacknowledged == 2


def test_what_was_dropped_is_neither_asked_about_nor_sent(small: Room) -> None:
    small.say(A, 5)
    small.delivery.link(True, 0)
    flying = [seq for seq, _ in small.wire.take()]
    assert len(flying) == 4, "the window is full, and the rest is late"
    small.say(B, 1)
    small.say(C, 1)
    assert dropped(small) == [(A, "outbox_full")]
    small.land(*flying)
    gone = set(flying) | {max(flying) + 1}
    for hours in range(1, 4):
        small.delivery.tend(s(hours * 3600))
        small.land(*(seq for seq, *_ in small.wire.carried))
    assert not gone & {seq for seq, _ in small.wire.take()}
    small.delivery.acknowledged(complete(A), 0)
    assert len(dropped(small)) == 3, "the others grew too old; the late word on A changes nothing"


def test_the_live_utterance_is_never_dropped_however_long_it_takes(path: Path) -> None:
    room = Room(path, bounds=Bounds(max_bytes=100, max_utterances=1, max_age_s=60))
    room.say(A, 1)
    room.say(B, 30, ended=False)
    room.delivery.tend(s(1000))
    assert dropped(room) == [(A, "outbox_full")]
    assert len(room.outbox.waiting(B)) == 31
    room.delivery.send([end(B)], s(1000))
    room.delivery.tend(s(1000))
    assert dropped(room) == [(A, "outbox_full"), (B, "outbox_age")]
    room.outbox.close()


def test_age_is_time_that_the_firmware_ran_all_starts_together(path: Path) -> None:
    bounds = Bounds(max_age_s=400)
    for start in range(3):
        room = Room(path, bounds=bounds)
        if start == 0:
            room.say(A, 1)
        for minute in range(3):
            room.delivery.tend(s(60 * minute))
        room.outbox.close()
    room = Room(path, bounds=bounds)
    room.delivery.tend(s(40))
    assert dropped(room) == []
    room.delivery.tend(s(41))
    assert dropped(room) == [(A, "outbox_age")]
    room.outbox.close()


def test_the_time_it_ran_is_written_at_most_once_a_minute_and_only_while_something_waits(small: Room) -> None:
    before = changes(small)
    for second in range(0, 600):
        small.delivery.tend(s(second))
    assert changes(small) == before
    small.say(A, 1, now=s(600))
    before = changes(small)
    for second in range(600, 660):
        small.delivery.tend(s(second))
    assert changes(small) - before == 1


def changes(room: Room) -> int:
    """How many rows the outbox's own connection has changed so far."""
    return room.outbox._db.total_changes


def test_keeping_a_message_reads_none_of_those_that_wait(small: Room) -> None:
    small.say(A, 20)
    asked: list[str] = []
    small.outbox._db.set_trace_callback(asked.append)
    small.delivery.send([sealed(B, None)], 0)
    assert [statement.split()[0] for statement in asked] == ["BEGIN", "INSERT", "COMMIT"]


def test_sizes_and_numbers_are_right_after_a_restart(path: Path) -> None:
    room = Room(path)
    room.say(B, 3)
    room.say(A, 2)
    before = len(room.outbox.stock), room.outbox.stock.bytes, room.outbox.stock.oldest(None)
    room.outbox.close()
    with closing(Outbox(path, SIGNER)) as again:
        assert (len(again.stock), again.stock.bytes, again.stock.oldest(None)) == before
        again.forget(B)
        assert again.stock.oldest(None) == (A, 0)
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT sum(length(payload)) FROM message").fetchone() == (again.stock.bytes,)


# -- a file from before --------------------------------------------------------------------------------

FIRST_SCHEMA = """
PRAGMA application_id = 0x4F564842;
CREATE TABLE ledger (idx INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;
CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, utterance TEXT NOT NULL, kind TEXT NOT NULL, part INTEGER,
    topic TEXT NOT NULL, payload BLOB NOT NULL, first_sample INTEGER, samples INTEGER,
    departed INTEGER NOT NULL, cut_short INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX message_utterance ON message (utterance);
"""


def test_a_file_from_before_opens_with_everything_in_it_and_its_age_begins_now(path: Path) -> None:
    message = sealed(A)
    row = b'{"cause":"live","index":0,"kind":"boot"}'
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(FIRST_SCHEMA)
        db.execute("INSERT INTO ledger VALUES (0, ?)", (row,))
        db.execute(
            "INSERT INTO message (utterance, kind, topic, payload, part, first_sample, samples, departed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
            message,
        )
    for _ in range(2):
        with closing(Outbox(path, SIGNER)) as outbox:
            assert list(outbox.rows()) == [row]
            assert [waiting.utterance for waiting in outbox.waiting()] == [A]
            assert (outbox.stock.bytes, outbox.began_s) == (len(message.payload), 0)
