"""A microphone that fails, in the whole firmware: shown, said, written down, tried again, and well without a
restart.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from device.diary import Diary
from device.mic_fault import MicFault
from device.speaker import Speaker
from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.sim import SimBoard
from tests.device.house import House, s, span

HISS = 30
FAULTS: dict[str, Callable[[SimBoard], None]] = {
    "unplugged": SimBoard.unplug,
    "wedged": SimBoard.wedge,
    "silent": SimBoard.silent,
    "constant": SimBoard.constant,
    "humming": SimBoard.hum,
    "clipped": SimBoard.clip,
}
ALL = {**FAULTS, "overrunning": SimBoard.lag}
DEAF = ["silent", "constant"]
HEARD_BEHIND = ["humming", "clipped"]
CLOSED = [fault for fault in FAULTS if fault not in HEARD_BEHIND]


def ill(house: House, fault: str, from_s: float, until_s: float | None = None) -> None:
    house.at(from_s, lambda: ALL[fault](house.board))
    if until_s is not None:
        house.at(until_s, house.board.heal)


def told(house: House) -> list[tuple[float, str]]:
    return [(sample / RATE_HZ, fields["fault"]) for sample, fields in house.of("microphone")]


def rows(house: House) -> list[tuple[str | None, int | None]]:
    return [(row.cause, row.first_sample) for row in house.rows() if row.kind == "microphone"]


def openings(house: House) -> list[int]:
    """When the stream was closed and opened, each in turn, from the first closing on; ask before it runs."""
    changes: list[int] = []
    was = True

    def gate(first: int) -> None:
        nonlocal was
        if house.board.microphone.is_open is not was:
            was = not was
            changes.append(first)

    house.board.gate = gate
    return changes


def cues(house: House, from_s: float, until_s: float) -> set[str]:
    """What the light showed in that time."""
    now = [cue for sample, cue, _ in house.board.shown if sample <= s(from_s)][-1:]
    return {*now, *(cue for sample, cue, _ in house.board.shown if s(from_s) < sample < s(until_s))}


@pytest.mark.parametrize("fault", ALL)
def test_each_fault_is_shown_told_and_written_down_and_so_is_its_end(tmp_path: Path, fault: str) -> None:
    house = House(tmp_path, 26, noise_floor=HISS)
    house.link()
    ill(house, fault, 2, 9)
    house.run()
    (began_s, what), (over_s, well) = told(house)
    assert (what, well) == (fault, "well")
    assert 2 < began_s < 7
    assert over_s > 9
    assert cues(house, 1, 2) == {"idle"}
    assert cues(house, began_s, over_s - 0.1) == {"error"}
    assert cues(house, over_s + 0.1, 26) == {"idle"}
    assert rows(house) == [(fault, s(began_s)), ("well", s(over_s))]
    assert house.phases() == ["idle"]


def test_it_tries_after_1_2_4_seconds_up_to_30_and_begins_anew_once_it_was_well_for_so_long(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, 205, noise_floor=HISS)
    ear, tries = house.speaker.parts.ear, [(0, 0)]

    def gate(first: int) -> None:
        if ear.tries != tries[-1][1]:
            tries.append((first, ear.tries))

    house.board.gate = gate
    house.at(1, house.board.unplug)
    house.at(100, house.board.plug)
    house.at(125, house.board.unplug)
    house.at(140, house.board.plug)
    house.at(190, house.board.unplug)
    house.at(195, house.board.plug)
    house.run()
    tried_s = [round(at / RATE_HZ) for at, tried in tries if tried]
    assert tried_s == [2, 4, 8, 16, 32, 62, 92, 122, 155, 191, 193, 197]
    assert [what for _, what in told(house)] == ["unplugged", "well"] * 3


def test_a_plug_that_is_loose_does_not_fill_the_ledger(tmp_path: Path) -> None:
    house = House(tmp_path, 120, noise_floor=HISS)
    for n in range(45):
        house.at(2 + 2.6 * n, house.board.unplug)
        house.at(2.3 + 2.6 * n, house.board.plug)
    house.run()
    assert 2 <= len(rows(house)) <= 20, "of 90 that there would be if each second of sound were the end of it"


@pytest.mark.parametrize("fault", DEAF)
def test_a_stream_that_gives_nothing_is_closed_between_the_tries(tmp_path: Path, fault: str) -> None:
    house = House(tmp_path, 20, noise_floor=HISS)
    changes = openings(house)
    ill(house, fault, 1)
    house.run()
    closed = [(changes[n + 1] - at) / RATE_HZ for n, at in enumerate(changes[:-1]) if n % 2 == 0]
    assert [round(each) for each in closed[:2]] == [1, 2]


@pytest.mark.parametrize("fault", HEARD_BEHIND)
def test_a_stream_in_which_there_may_be_a_voice_is_heard_between_the_tries(
    tmp_path: Path, fault: str
) -> None:
    house = House(tmp_path, 40, noise_floor=HISS)
    changes = openings(house)
    ill(house, fault, 1)
    house.run()
    assert changes == [], "closed and opened between two frames"
    assert house.speaker.parts.ear.tries == 5
    assert house.board.microphone.frames_read * FRAME_SAMPLES == s(40)


def test_a_wake_word_wakes_it_behind_a_hum(tmp_path: Path) -> None:
    house = House(tmp_path, 22, noise_floor=HISS)
    ill(house, "humming", 1)
    house.say("alexa_time", 10)
    house.run()
    (utterance,) = house.utterances()
    first, end = span(utterance)
    assert utterance.header.trigger.kind == "wake_word"
    assert utterance.pcm == house.room[2 * first : 2 * end], "the hum and all"
    assert house.lit() == [span(utterance)]


def test_a_voice_over_a_hum_is_no_end_of_it_and_the_hum_no_end_of_the_voice(tmp_path: Path) -> None:
    house = House(tmp_path, 60, noise_floor=HISS)
    ill(house, "humming", 1, 50)
    for at_s in range(8, 44, 6):
        house.say("alexa_time", at_s)
    house.run()
    assert [what for _, what in told(house)] == ["humming", "well"]
    assert told(house)[1][0] > 50
    assert house.utterances()
    assert "mic_lost" not in {utterance.end.reason for utterance in house.utterances()}


class Noted:
    """Ears, and up to which sample they heard, or forgot."""

    def __init__(self, house: House) -> None:
        self._house, self._ears = house, house.speaker.parts.ears
        self.did: list[tuple[str, int]] = []

    def hear(self, pcm: bytes, now: int) -> Any:
        self.did.append(("hear", now))
        return self._ears.hear(pcm, now)

    def forget(self) -> None:
        self.did.append(("forget", self._house.board.now))
        self._ears.forget()


@pytest.mark.parametrize("fault", [*DEAF, *HEARD_BEHIND])
def test_no_frame_from_before_the_ears_forgot_is_told_to_them(tmp_path: Path, fault: str) -> None:
    house = House(tmp_path, 14, noise_floor=HISS)
    ears = Noted(house)
    parts = replace(house.speaker.parts, ears=ears)
    house.speaker = Speaker(parts, lambda *_, **__: None, scores=False)
    ill(house, fault, 1)
    house.run()
    after = [
        (at, heard) for (what, at), (then, heard) in zip(ears.did, ears.did[1:], strict=False)
        if (what, then) == ("forget", "hear")
    ]  # fmt: skip
    assert after
    assert all(heard - FRAME_SAMPLES >= at for at, heard in after)


def test_while_somebody_is_listened_to_a_humming_stream_is_not_tried(tmp_path: Path) -> None:
    house = House(tmp_path, 30, noise_floor=HISS)
    ill(house, "humming", 1)
    house.at(8, house.board.press)
    house.at(17, house.board.release)
    house.run()
    (utterance,) = house.utterances()
    assert (utterance.end.reason, utterance.gaps) == ("released", ())
    assert len(utterance.pcm) > 2 * s(8)


@pytest.mark.parametrize("fault", [*HEARD_BEHIND, "overrunning"])
def test_a_fault_behind_which_there_is_a_voice_found_while_listening_ends_nothing(
    tmp_path: Path, fault: str
) -> None:
    house = House(tmp_path, 12, noise_floor=HISS)
    house.at(1, house.board.press)
    ill(house, fault, 3)
    house.at(8, house.board.release)
    house.run()
    (utterance,) = house.utterances()
    assert utterance.end.reason == "released"
    assert house.lit() == [span(utterance)]
    assert [what for at_s, what in told(house) if at_s < 8] == [fault]


@pytest.mark.parametrize("fault", CLOSED)
def test_a_fault_while_listening_ends_the_utterance_and_the_light_is_exact(
    tmp_path: Path, fault: str
) -> None:
    house = House(tmp_path, 12, noise_floor=HISS)
    house.at(1, house.board.press)
    ill(house, fault, 3)
    house.run()
    (utterance,) = house.utterances()
    assert utterance.end.reason == "mic_lost"
    assert house.lit() == [span(utterance)]
    assert s(3) <= span(utterance)[1] <= s(8)


@pytest.mark.parametrize("fault", CLOSED)
def test_while_it_is_lost_a_press_is_refused_and_nothing_is_kept(tmp_path: Path, fault: str) -> None:
    house = House(tmp_path, 30, noise_floor=HISS)
    ill(house, fault, 1)
    changes = openings(house)

    def tap_when_closed(first: int) -> None:
        watch(first)
        if changes and not taps and not house.board.microphone.is_open:
            taps.append(first)
            house.board.press()
            house.board.at(first + s(0.4), house.board.release)

    watch, taps = house.board.gate, list[int]()
    assert watch is not None
    house.board.gate = tap_when_closed
    house.run()
    assert ("refused", "no_microphone") in [(row.kind, row.cause) for row in house.rows()]
    assert [utterance.header.first_sample for utterance in house.utterances()] == []


def test_muted_nothing_is_opened_nor_looked_for_and_unmuted_it_is_tried_at_once(tmp_path: Path) -> None:
    house = House(tmp_path, 30, noise_floor=HISS)
    ill(house, "silent", 1)
    house.at(7, house.board.mute_on)
    house.at(8, house.board.heal)
    house.at(20, house.board.mute_off)
    house.run()
    changes = [fields["on"] for _, fields in house.of("mute")]
    assert changes == [True, False]
    assert cues(house, 7.1, 20) == {"muted"}
    (_, silent), (well_s, well) = told(house)
    assert (silent, well) == ("silent", "well")
    assert 21 < well_s < 21.5


def test_missing_at_the_start_it_starts_all_the_same_and_looks(tmp_path: Path) -> None:
    house = House(tmp_path, 20, noise_floor=HISS)
    house.board.unplug()
    house.at(5, house.board.plug)
    house.at(12, house.board.tap)
    house.run()
    (began_s, what), (over_s, well) = told(house)
    assert (began_s, what, well) == (pytest.approx(0, abs=0.1), "unplugged", "well")
    assert cues(house, 0.1, over_s - 0.1) == {"error"}
    assert "not plugged in" in house.of("microphone")[0][1]["why"]
    assert len(house.utterances()) == 1


# A stream that takes its time to begin


@pytest.mark.parametrize("late_s", [0.5, 4.4])
def test_a_stream_that_begins_late_is_waited_for_and_the_light_says_so(tmp_path: Path, late_s: float) -> None:
    house = House(tmp_path, 12, noise_floor=HISS)
    house.board.microphone.late_samples = s(late_s)
    house.at(late_s - 0.3, house.board.tap)
    house.at(late_s + 2, house.board.tap)
    house.run()
    assert cues(house, 0, late_s - 0.1) - {"off"} == {"booting"}
    assert [(row.kind, row.cause) for row in house.rows() if row.kind == "refused"] == [
        ("refused", "no_microphone")
    ]
    (utterance,) = house.utterances()
    assert house.lit() == [span(utterance)]
    assert (told(house), house.of("overrun"), utterance.gaps) == ([], [], ())


def test_a_stream_that_does_not_begin_is_wedged(tmp_path: Path) -> None:
    house = House(tmp_path, 30, noise_floor=HISS)
    house.board.microphone.late_samples = s(7)
    house.at(10, lambda: setattr(house.board.microphone, "late_samples", 100))
    house.run()
    assert [what for _, what in told(house)] == ["wedged", "well"]
    assert told(house)[0][0] == pytest.approx(4.5, abs=0.05)


@pytest.mark.parametrize("at_s", [0.5, 2.5, 6.0])
def test_the_switch_is_felt_at_once_while_a_stream_begins(tmp_path: Path, at_s: float) -> None:
    house = House(tmp_path, 12, noise_floor=HISS)
    house.board.wedge()
    house.at(at_s, house.board.mute_on)
    house.at(9, house.board.heal)
    house.run()
    ((sample, fields),) = house.of("mute")
    assert fields["on"]
    assert s(at_s) <= sample <= s(at_s) + FRAME_SAMPLES
    assert house.board.microphone.frames_read == 0


# Samples that are lost again and again


def test_a_machine_that_is_too_slow_shows_and_is_heard_on(tmp_path: Path) -> None:
    house = House(tmp_path, 30, noise_floor=HISS)
    changes = openings(house)
    ill(house, "overrunning", 2, 12)
    house.at(8, house.board.press)
    house.at(9, house.board.release)
    house.run()
    (began_s, what), (over_s, well) = told(house)
    assert (what, well) == ("overrunning", "well")
    assert began_s < 3.2
    assert 16.5 < over_s < 18.5
    assert changes == [], "opening it again makes no machine faster"
    (utterance,) = house.utterances()
    assert utterance.gaps


def test_a_loss_now_and_then_is_no_fault(tmp_path: Path) -> None:
    house = House(tmp_path, 30, noise_floor=HISS)
    for at_s in range(2, 28, 2):
        house.at(at_s, partial(house.board.overrun, 100))
    house.run()
    assert told(house) == []
    assert len(house.of("overrun")) == 13


def test_in_a_room_that_makes_no_sound_silence_is_no_fault(tmp_path: Path) -> None:
    house = House(tmp_path, 10)
    house.run()
    assert told(house) == []


class Blind(MicFault):
    """A judge who never finds anything."""

    def judge(self, look: object) -> None:
        """Nothing is ever wrong."""


@pytest.mark.parametrize("fault", [*DEAF, *HEARD_BEHIND])
def test_without_its_judge_a_stream_that_fails_looks_alive(tmp_path: Path, fault: str) -> None:
    house = House(tmp_path, 10, noise_floor=HISS)
    house.speaker.parts.ear._judge = Blind(digital_silence=False)
    ill(house, fault, 2)
    house.run()
    assert told(house) == []
    assert "error" not in cues(house, 0, 10)


def test_the_diary_says_it_to_people() -> None:
    said: list[str] = []
    diary = Diary(said.append)
    diary("microphone", 0, fault="humming", why="it hums; unplug it", tries=0)
    diary("microphone", 16_000, fault="well", why="", tries=3)
    assert said == [
        "      0.00 s  the microphone fails (humming): it hums; unplug it",
        "      1.00 s  the microphone is well again, tried 3 times",
    ]
