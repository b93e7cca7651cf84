"""Padded utterances: how long somebody spoke is not seen on the line, and nothing else changes."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.envelope import Begin, Opener
from device.outbox import Sealed
from device.tail import Pace, Tail
from device.utterance import segments_in
from hardware.board import FRAME_SAMPLES
from tests.device.house import House, s, span
from tests.device.test_utterance import READER, ROOM, SEGMENT, frames, opened, utterance

PAD = "privacy.pad_s = 2.0\nuplink.window = 1000\n"
PLAIN = "uplink.window = 1000\n"

Left = list[tuple[int, str, int]]


def left(house: House) -> list[Left]:
    """What left of each utterance: how many samples after its begin, which message, how large."""
    found: dict[str, Left] = {}
    for sample, told in house.of("publish"):
        parts = str(told["topic"]).split("/")
        if "utterance" in parts:
            mine = found.setdefault(parts[-2], [])
            mine.append((sample, parts[-1], told["bytes"]))
    return [[(sample - mine[0][0], what, size) for sample, what, size in mine] for mine in found.values()]


def held_for(path: Path, seconds: float, given: str, length_s: float = 8) -> House:
    """A house with a link in which somebody holds the button for so long."""
    path.mkdir()
    house = House(path, length_s, given, noise_floor=300)
    house.link()
    house.at(1, house.board.press)
    house.at(1.3 + seconds, house.board.release)
    return house


def sizes_of_heads(house: House) -> list[int]:
    """How long the ledger was, by the head in each end record: anybody can read it."""
    return [int(each.end.checkpoint.split("\n")[1]) for each in house.utterances()]


LENGTHS = [0.1, 0.3, 0.97, 1.5, 1.9]


def test_utterances_of_any_length_up_to_two_seconds_look_alike_on_the_line(tmp_path: Path) -> None:
    houses = [held_for(tmp_path / str(each), each, PAD) for each in LENGTHS]
    for house in houses:
        house.run()
    lengths = {len(utterance.pcm) for house in houses for utterance in house.utterances()}
    assert len(lengths) == len(LENGTHS)
    seen = [left(house) for house in houses]
    assert all(each == seen[0] for each in seen)
    ((_, *segments, end),) = seen[0]
    assert [at for at, _, _ in segments] == [n * SEGMENT for n in range(1, 26)]
    assert (end[0], end[1]) == (25 * SEGMENT, "end")
    assert len({size for house in houses for size in sizes_of_heads(house)}) == 1


def test_without_padding_they_do_not(tmp_path: Path) -> None:
    houses = [held_for(tmp_path / str(each), each, PLAIN) for each in LENGTHS]
    for house in houses:
        house.run()
    seen = [tuple(left(house)[0]) for house in houses]
    assert len(set(seen)) == len(LENGTHS)
    assert len({size for house in houses for size in sizes_of_heads(house)}) == len(LENGTHS)


def test_a_sample_more_than_two_seconds_takes_four(tmp_path: Path) -> None:
    just, more = (held_for(tmp_path / str(each), each, PAD, 9) for each in (1.9, 2.1))
    for house in (just, more):
        house.run()
    assert [len(left(house)[0]) for house in (just, more)] == [27, 52]


def test_light_phase_and_sound_are_those_of_what_was_heard(tmp_path: Path) -> None:
    house = held_for(tmp_path / "h", 0.5, PAD)
    house.run()
    (kept,) = house.utterances()
    first, end = span(kept)
    assert house.lit() == [(first, end)]
    assert kept.pcm == house.room[2 * first : 2 * end]
    assert ("processing", end) in [(told["phase"], sample) for sample, told in house.of("phase")]


def test_rows_say_that_nothing_was_heard_in_what_is_padded(tmp_path: Path) -> None:
    house = held_for(tmp_path / "h", 0.5, PAD)
    house.run()
    first, end = span(house.utterances()[0])
    rows = [row for row in house.rows() if row.kind == "segment"]
    assert len(rows) == 25
    assert [row.cause for row in rows] == ["live"] * 25
    full = (end - first) // SEGMENT
    assert [row.samples for row in rows[:full]] == [SEGMENT] * full
    assert [(row.first_sample, row.samples) for row in rows[full + 1 :]] == [(end, 0)] * (24 - full)
    assert sum(row.samples or 0 for row in rows) == end - first


def test_the_answer_is_awaited_from_the_end_message_on(tmp_path: Path) -> None:
    house = held_for(tmp_path / "h", 0.5, PAD + "cloud.answer_s = 1.0\n")
    house.run()
    (gone,) = left(house)
    begun = next(sample for sample, told in house.of("publish") if told["what"] == "begin")
    idle = [sample for sample, told in house.of("phase") if told["phase"] == "idle"][-1]
    assert idle == begun + gone[-1][0] + s(1)


@pytest.mark.parametrize("way", ["mute", "remote mute", "shutdown"])
def test_mute_and_shutdown_let_the_rest_leave_at_once(tmp_path: Path, way: str) -> None:
    at_s = 2.5
    house = held_for(tmp_path / "h", 0.5, PAD, 2.5 if way == "shutdown" else 6)
    if way == "mute":
        house.at(at_s, house.board.mute_on)
    elif way == "remote mute":
        house.at(at_s, lambda: house.command("mute"))
    house.run()
    (gone,) = left(house)
    begun = next(sample for sample, told in house.of("publish") if told["what"] == "begin")
    assert len(gone) == 27
    assert gone[-1][1] == "end"
    assert gone[-1][0] + begun == pytest.approx(s(at_s), abs=FRAME_SAMPLES)
    assert len(house.utterances()) == 1


def test_mute_within_a_sentence_lets_all_of_it_leave_and_is_still_padded(tmp_path: Path) -> None:
    house = held_for(tmp_path / "h", 3, PAD)
    house.at(2, house.board.mute_on)
    house.run()
    assert len(left(house)[0]) == 27
    (kept,) = house.utterances()
    assert (kept.end.reason, kept.end.segments) == ("muted", 25)


def test_a_new_trigger_lets_the_rest_leave_before_its_own_begin(tmp_path: Path) -> None:
    house = held_for(tmp_path / "h", 0.3, PAD)
    house.at(2, house.board.press)
    house.at(3, house.board.release)
    house.run()
    messages = [
        str(told["topic"]).split("/")[-2:] for _, told in house.of("publish") if "utterance" in told["topic"]
    ]
    names = [name for name, _ in messages]
    first, second = dict.fromkeys(names)
    assert names == [first] * 27 + [second] * 27
    assert [each.end.segments for each in house.utterances()] == [25, 25]


def test_a_tap_that_calls_it_off_does_not_hurry_what_is_still_to_leave(tmp_path: Path) -> None:
    calm = held_for(tmp_path / "calm", 0.3, PAD)
    called_off = held_for(tmp_path / "off", 0.3, PAD)
    called_off.at(2.2, called_off.board.tap)
    for house in (calm, called_off):
        house.run()
    assert "processing" in called_off.phases()
    assert called_off.of("phase")[-1][0] < s(2.5), "the tap was understood"
    assert left(called_off) == left(calm)


def test_a_wake_that_is_rejected_leaves_no_trace_in_the_rhythm(tmp_path: Path) -> None:
    seen = []
    for said in (False, True):
        (tmp_path / str(said)).mkdir()
        house = House(tmp_path / str(said), 16, "privacy.pad_s = 10.0\nuplink.window = 1000\n")
        house.link()
        house.at(1, house.board.tap)  # and nobody says anything: over after four seconds
        if said:
            house.say("near_word", 6)
        house.run()
        assert bool(house.of("rejected")) is said
        seen.append([[(at, what) for at, what, _ in each] for each in left(house)])
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 127


def test_without_a_line_it_waits_padded(tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    house = House(tmp_path / "h", 6, PAD, noise_floor=300)
    house.at(1, house.board.press)
    house.at(2, house.board.release)
    house.run()
    (kept,) = house.utterances()
    assert kept.end.segments == 25
    assert len(kept.pcm) < 2 * s(1)


@pytest.mark.parametrize(
    ("pad_s", "segment_samples", "count"),
    [(0.0, 1280, 1), (2.0, 1280, 25), (2.0, 6400, 5), (0.5, 1280, 7), (10.0, 1280, 125), (0.01, 1280, 1)],
)
def test_a_multiple_is_rounded_up_to_whole_segments(pad_s: float, segment_samples: int, count: int) -> None:
    assert segments_in(pad_s, segment_samples) == count


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 60), st.integers(1, 30), st.integers(1, 60))
def test_whatever_was_heard_the_number_is_a_multiple_and_the_sound_the_same(
    count: int, multiple: int, least: int
) -> None:
    taken = utterance(multiple=multiple)
    heard = opened(taken, frames(0, count), least=least)
    assert heard.pcm == ROOM[: 2 * FRAME_SAMPLES * count]
    needed = max(FRAME_SAMPLES * count // SEGMENT + 1, least)
    assert heard.end.segments % multiple == 0
    assert needed <= heard.end.segments < needed + multiple


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 40), st.integers(1, 30))
def test_after_a_segment_that_is_not_full_only_empty_ones_come(count: int, multiple: int) -> None:
    taken = utterance(multiple=multiple)
    sealed = [each for frame in frames(0, count) for each in taken.hear(frame)] + taken.close()
    begin = Begin.parse(taken.begin())
    opener = Opener(begin, begin.data_key(READER))
    valid = [len(opener.segment(each).pcm) // 2 for each in sealed]
    full = valid.index(next(each for each in valid if each < SEGMENT))
    assert valid[:full] == [SEGMENT] * full
    assert set(valid[full + 1 :]) <= {0}


def test_the_end_is_made_when_it_leaves_and_not_before() -> None:
    sent: list[tuple[int, list[int]]] = []
    made: list[int] = []

    def end() -> Sealed:
        made.append(len(sent))
        return Sealed("u", "end", "t", b"")

    def send(messages: list[Sealed], now: int) -> None:
        sent.append((now, [-1 if each.part is None else each.part for each in messages]))

    tail = Tail(
        [Sealed("u", "segment", "t", struct.pack("B", n), n) for n in range(4)], end, Pace(100, 50), send
    )
    assert tail.over_at == 250
    for now in (0, 99, 100, 120, 205):
        tail.tend(now)
    assert (sent, made, tail.over) == ([(100, [0]), (205, [1, 2])], [], False)
    tail.flush(210)
    tail.flush(211)
    tail.tend(900)
    assert sent[2:] == [(210, [3, -1])]
    assert (made, tail.over, tail.over_at) == ([2], True, 210)
