"""Cover: utterances without a sound, at moments that nobody can foresee, and like the others on the line."""

import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from device.cover import DAY_SAMPLES, Cover, Due, Shape
from device.envelope import Trigger
from hardware.board import FRAME_SAMPLES
from tests.device.house import House, s
from tests.device.test_padding import PAD, left

ALEXA = Trigger("wake_word", "alexa", 0.4297, "ab" * 32)
SECOND = s(1)


def cover(per_day: int, pad_s: float = 2.0, consents: int = 0, like: Trigger = ALEXA) -> Cover:
    return Cover(per_day, Shape(pad_s, 1_280, consents), like, random.Random(1).randbytes)


def taken(made: Cover, until: int, *, free: bool = True, muted: bool = False) -> list[tuple[int, Due]]:
    """Ask whenever it says that it is time; what it gives, and when."""
    found = []
    while made.next < until:
        now = made.next
        due = made.take(now, free=free, muted=muted)
        if due is not None:
            found.append((now, due))
    return found


def test_so_many_leave_each_day_at_other_moments_each_day() -> None:
    made = cover(40)
    days = [[at - day * DAY_SAMPLES for at, _ in taken(made, (day + 1) * DAY_SAMPLES)] for day in range(5)]
    assert [len(day) for day in days] == [40] * 5
    assert len({tuple(day) for day in days}) == 5
    early = sum(at < DAY_SAMPLES / 2 for day in days for at in day)
    assert 60 < early < 140, "as many in one half of the day as in the other, about"


def test_none_is_asked_for_where_there_are_none() -> None:
    assert cover(0).next > 10_000 * DAY_SAMPLES


def test_what_is_due_while_muted_is_let_go() -> None:
    made = cover(40)
    assert taken(made, DAY_SAMPLES // 2, free=False, muted=True) == []
    assert 0 < len(taken(made, DAY_SAMPLES)) < 40


def test_what_finds_the_line_not_free_leaves_later_that_day_and_not_the_moment_it_is_free() -> None:
    made = cover(40)
    busy_until = DAY_SAMPLES // 2
    assert taken(made, busy_until, free=False) == []
    later = [at for at, _ in taken(made, DAY_SAMPLES)]
    assert len(later) == 40
    assert later[0] > busy_until
    assert len(set(later)) > 30, "spread over what is left of the day"


def test_what_is_never_free_is_not_saved_up_for_the_next_day() -> None:
    made = cover(40)
    taken(made, DAY_SAMPLES, free=False)
    assert len(taken(made, 2 * DAY_SAMPLES)) == 40


@pytest.mark.parametrize(("pad_s", "lengths"), [(2.0, {25, 50, 75}), (0.0, set(range(25, 76)))])
def test_it_is_as_long_as_one_to_three_times_the_padding(pad_s: float, lengths: set[int]) -> None:
    found = {due.segments for _, due in taken(cover(1000, pad_s), 3 * DAY_SAMPLES)}
    assert found == lengths


def test_once_somebody_has_spoken_it_is_as_long_as_what_was_said() -> None:
    made = cover(1000, 2.0)
    made.lengths = (50, 50, 50, 25)
    found = Counter(due.segments for _, due in taken(made, 3 * DAY_SAMPLES))
    assert set(found) == {25, 50}
    assert found[50] > 2 * found[25], "as often as it was said"


words = st.text(min_size=1, max_size=30).filter(lambda word: len(rfc8785.dumps(word)) < 60)
triggers = st.one_of(
    st.builds(lambda word: Trigger("wake_word", word, 0.4297, "ab" * 32), words),
    st.sampled_from([Trigger("button_tap"), Trigger("button_hold")]),
)


@settings(deadline=None)
@given(triggers, st.sampled_from([(False, False), (True, False), (True, True)]))
def test_its_header_is_as_long_as_that_of_what_it_takes_after(
    like: Trigger, given: tuple[bool, bool]
) -> None:
    def header(trigger: Trigger, consent: Sequence[bool]) -> int:
        fields = {
            "trigger": [trigger.kind, trigger.word, trigger.score, trigger.model],
            "consent": list(consent),
        }
        return len(rfc8785.dumps(fields))

    made = cover(1000, consents=sum(given), like=like)
    lengths = {header(due.trigger, (False, False)) for _, due in taken(made, DAY_SAMPLES // 20)}
    short = {
        header(like, given) - less for less in range(4 if like.score else 1)
    }  # 0.5 is shorter than 0.4297
    assert max(lengths) == header(like, given)
    assert lengths <= short


# On the whole firmware


class Dice:
    """Random bytes of which those of every second draw of eight can be foretold."""

    def __init__(self, *draws: int) -> None:
        self._draws = [0, *draws]  # the first names the boot

    def __call__(self, count: int) -> bytes:
        if count == 8 and self._draws:
            return self._draws.pop(0).to_bytes(8, "big")
        return os.urandom(count)


ONE = PAD + "privacy.cover_per_day = 1\n"
FOUR_SECONDS = 1


def with_cover(path: Path, at_s: float, settings: str = ONE, length_s: float = 12) -> House:
    """A house in which four seconds of cover are due at a time."""
    path.mkdir()
    dice = Dice(s(at_s) - FRAME_SAMPLES, 3_297, FOUR_SECONDS)  # the day begins with the first frame
    return House(path, length_s, settings, noise_floor=300, random_bytes=dice)


def test_cover_holds_no_sound_shows_nothing_and_is_written_down(tmp_path: Path) -> None:
    house = with_cover(tmp_path / "h", 3, ONE + "privacy.save = true\nprivacy.review = true\n")
    house.link()
    house.run()
    ((at, told),) = house.of("cover")
    (kept,) = house.utterances()
    assert (at, told["segments"]) == (s(3), 50)
    assert (kept.pcm, kept.end.segments, kept.header.trigger.kind) == (b"", 50, "cover")
    assert (kept.header.consent.save, kept.header.consent.review) == (False, False)
    assert [reader.name for reader in kept.header.readers] == ["cloud", "owner"]
    assert house.lit() == []
    assert house.board.played == []
    assert house.phases() == ["idle"]
    assert {cue for sample, cue, _ in house.board.shown if sample >= s(3)} <= {"idle"}
    rows = [row for row in house.rows() if row.utterance == kept.header.utterance]
    assert (rows[0].kind, rows[0].cause) == ("trigger", "cover")
    assert [row.samples for row in rows if row.kind == "segment"] == [0] * 50


def test_on_the_line_it_is_like_what_a_wake_word_began(tmp_path: Path) -> None:
    (tmp_path / "spoken").mkdir()
    spoken = House(tmp_path / "spoken", 12, PAD, noise_floor=300)
    spoken.say("alexa_time", 2)
    spoken.link()
    spoken.run()
    ((triggered, _),) = spoken.of("trigger")
    covered = with_cover(tmp_path / "cover", triggered / SECOND)
    covered.link()
    covered.run()
    assert [each.header.trigger.kind for each in (*spoken.utterances(), *covered.utterances())] == [
        "wake_word",
        "cover",
    ]
    assert left(covered) == left(spoken)


def test_on_the_line_it_is_like_what_a_button_began_where_people_use_the_button(tmp_path: Path) -> None:
    (tmp_path / "pressed").mkdir()
    pressed = House(tmp_path / "pressed", 20, PAD + "cloud.answer_s = 0.5\n", noise_floor=300)
    covered = with_cover(tmp_path / "cover", 10.36, ONE + "cloud.answer_s = 0.5\n", 20)
    for house in (pressed, covered):
        house.link()
        house.at(1, house.board.press)
        house.at(2, house.board.release)
    pressed.at(10, pressed.board.press)
    pressed.at(11.5, pressed.board.release)
    for house in (pressed, covered):
        house.run()
    assert len(covered.of("cover")) == 1
    assert len(left(pressed)) == 2
    assert left(covered) == left(pressed)


def test_somebody_who_wakes_it_does_not_wait_for_cover(tmp_path: Path) -> None:
    house = with_cover(tmp_path / "h", 3)
    house.link()
    house.at(4, house.board.press)
    house.at(5, house.board.release)
    house.run()
    kinds = [each.header.trigger.kind for each in house.utterances()]
    assert kinds == ["cover", "button_hold"]
    first, second = left(house)
    assert len(first) == 52
    ((triggered, _),) = house.of("trigger")
    assert triggered == pytest.approx(s(4.3), abs=SECOND // 8)
    began = [sample for sample, told in house.of("publish") if told["what"] == "begin"]
    ended = [sample for sample, told in house.of("publish") if told["what"] == "end"]
    assert ended[0] == began[1] == triggered
    assert len(second) == 27


def test_cover_waits_for_what_is_still_to_leave_of_an_utterance(tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    dice = Dice(s(6), s(3), FOUR_SECONDS)
    house = House(tmp_path / "h", 20, ONE, random_bytes=dice)
    house.link()
    house.at(1, house.board.tap)  # and nobody says anything: over after four seconds, and padded to six
    house.run()
    assert [len(each) for each in left(house)] == [77, 77], "and is as long as what was said last"
    ((at, _),) = house.of("cover")
    assert at == pytest.approx(s(9), abs=2 * FRAME_SAMPLES)
    assert {each.end.segments for each in house.utterances()} == {75}


@pytest.mark.parametrize("why", ["muted", "no link", "in a conversation", "no key"])
def test_there_is_no_cover_when(why: str, tmp_path: Path) -> None:
    house = with_cover(tmp_path / "h", 3)
    if why != "no link":
        house.link()
    if why == "muted":
        house.at(1, house.board.mute_on)
    elif why == "in a conversation":
        house.at(1, house.board.press)
    elif why == "no key":
        house.now = house.now.replace(year=2027)
    house.run()
    assert house.of("cover") == []
    assert [row for row in house.rows() if row.cause == "cover"] == []


def test_muting_in_the_midst_of_cover_lets_it_be_over_at_once(tmp_path: Path) -> None:
    house = with_cover(tmp_path / "h", 3)
    house.link()
    house.at(4, house.board.mute_on)
    house.run()
    (gone,) = left(house)
    assert gone[-1][:2] == (pytest.approx(s(1), abs=FRAME_SAMPLES), "end")
    assert len(gone) == 52


def test_an_answer_to_cover_is_not_played(tmp_path: Path) -> None:
    house = with_cover(tmp_path / "h", 3)
    house.link()
    house.at(8, lambda: house.answer(bytes(2 * SECOND), to=str(house.of("cover")[0][1]["id"])))
    house.run()
    assert len(house.of("cover")) == 1
    assert (house.board.played, house.phases()) == ([], ["idle"])
