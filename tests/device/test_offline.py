"""A day without a line, and a wall clock that jumps by years: nothing that waits is lost for either, and what
the bounds cost has its rows.
"""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from device.bounds import Bounds
from device.ledger import parse_row
from tests.device.house import NOW, House, s, span
from tests.device.shelf import Room, complete

DAY_S, EVERY_S = 86_400, 1800
SPOKEN = [f"{number:032x}" for number in range(DAY_S // EVERY_S)]
YEARS = 3652


def a_day_offline(path: Path, bounds: Bounds, starts: int) -> Room:
    """Somebody speaks every half hour, and nobody is there; the power is cut `starts` - 1 times."""
    said = iter(SPOKEN)
    for start in range(starts):
        room = Room(path, window=64, bounds=bounds)
        for second in range(0, DAY_S // starts, 300):
            if second % EVERY_S == 0:
                room.say(next(said), 2, now=s(second))
            room.delivery.tend(s(second))
        assert room.wire.carried == []
        if start < starts - 1:
            room.outbox.close()
    return room


def delivered(room: Room, now: int) -> list[str]:
    """The line is back, with a broker and a cloud that do their part: what arrived whole, in order."""
    arrived: dict[str, list[str]] = {}
    room.delivery.link(True, now)
    while room.wire.carried:
        for departure in room.wire.carried:
            arrived.setdefault(departure.row.utterance or "", []).append(departure.row.kind)
        for seq, _ in room.wire.take():
            room.delivery.sent(seq)
        room.delivery.tend(now)
    for utterance in arrived:
        room.delivery.acknowledged(complete(utterance), now)
    assert room.delivery.idle
    assert room.outbox.waiting() == []
    assert all(kinds == ["begin", "segment", "segment", "end"] for kinds in arrived.values())
    return list(arrived)


@pytest.mark.parametrize("starts", [1, 4])
def test_after_a_day_without_a_line_everything_is_delivered_in_order(tmp_path: Path, starts: int) -> None:
    room = a_day_offline(tmp_path / "egress.db", Bounds(max_age_s=2 * DAY_S), starts)
    with closing(room.outbox):
        assert delivered(room, s(DAY_S // starts)) == SPOKEN
        assert "dropped" not in {parse_row(row).kind for row in room.outbox.rows()}


@pytest.mark.parametrize("starts", [1, 4])
@pytest.mark.parametrize(
    ("bounds", "kept", "cause"),
    [
        (Bounds(max_utterances=30), 30, "outbox_full"),
        (Bounds(max_age_s=6 * 3600), 12, "outbox_age"),
    ],
)
def test_what_a_day_without_a_line_costs_has_its_rows(
    tmp_path: Path, bounds: Bounds, kept: int, cause: str, starts: int
) -> None:
    room = a_day_offline(tmp_path / "egress.db", bounds, starts)
    with closing(room.outbox):
        arrived = delivered(room, s(DAY_S // starts))
        rows = [parse_row(row) for row in room.outbox.rows()]
        dropped = [row.utterance for row in rows if row.kind == "dropped"]
        assert dropped + arrived == SPOKEN
        assert {row.cause for row in rows if row.kind == "dropped"} == {cause}
        assert kept <= len(arrived) <= kept + 1, "a start forgets the last of its time"


# -- a wall clock that jumps ---------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, 40, "outbox.max_age_s = 60\n", noise_floor=300)


def talk(house: House, at_s: float) -> None:
    """The button is held for a second."""
    house.at(at_s, house.board.press)
    house.at(at_s + 1, house.board.release)


@pytest.mark.parametrize("years", [YEARS, -YEARS], ids=["10 years on", "10 years back"])
@pytest.mark.parametrize(
    ("phase", "jumps_s"), [("idle", 8), ("listening", 5.7), ("processing", 7), ("muted", 10)]
)
def test_a_clock_that_jumps_drops_nothing_and_refuses_aloud_until_it_comes_back(
    house: House, phase: str, jumps_s: float, years: int
) -> None:
    def jump(days: int) -> None:
        if days:
            assert phase == house.speaker.phase.value
        house.now = NOW + timedelta(days=days)

    if phase == "processing":
        house.at(1, house.link)  # with a line it waits for an answer
    talk(house, 2)
    talk(house, 5)
    house.at(9, house.board.mute_on)
    house.at(11, house.board.mute_off)
    house.at(jumps_s, lambda: jump(years))
    talk(house, 15)
    house.at(20, lambda: jump(0))
    talk(house, 25)
    house.run()
    assert [
        (sample >= s(15) and sample < s(20), fields["why"]) for sample, fields in house.of("refused")
    ] == [(True, "no_key")]
    assert len([sample for sample, _ in house.board.played if s(15) <= sample < s(20)]) == 1
    kept = house.utterances()
    assert [utterance.end.reason for utterance in kept] == ["released"] * 3
    assert len([utterance for utterance in kept if utterance.header.first_sample >= s(25)]) == 1
    for utterance in kept:
        first, end = span(utterance)
        assert utterance.pcm == house.room[2 * first : 2 * end]
    assert house.of("dropped") == []
    assert "dropped" not in {row.kind for row in house.rows()}


def test_a_device_that_wakes_in_another_decade_keeps_what_waits(tmp_path: Path) -> None:
    house = House(tmp_path, 4)
    talk(house, 1)
    house.run()
    for years in (YEARS, -YEARS):
        again = House(tmp_path, 4, "outbox.max_age_s = 60\n")
        again.now = NOW + timedelta(days=years)
        again.run()
        assert len(again.utterances()) == 1
