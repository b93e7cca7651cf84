"""The whole firmware, seen from outside and from within: its light, its own sounds, its memory."""

import gc
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import device
from hardware.board import FRAME_SAMPLES
from tests.device.house import House, s, span

LOUD_DB = -6.0
CHIME = "audio.wake_earcon = true\n"


# The light


def a_busy_day(house: House) -> None:
    """Triggers of every kind, and every way to end."""
    house.say("alexa_time", 1)
    house.at(7, house.board.tap)
    house.at(8, house.board.tap)
    house.at(9, house.board.press)
    house.at(10, house.board.release)
    house.at(11, house.board.tap)
    house.at(12, house.board.mute_on)
    house.at(13, house.board.tap)
    house.at(14, house.board.mute_off)
    house.at(15, house.board.press)
    house.at(16, house.board.unplug)
    house.at(16.4, house.board.tap)
    house.at(16.6, house.board.plug)
    house.say("talk_card", 19, gain_db=-3)
    house.at(19, house.board.tap)
    house.at(32, house.board.tap)


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("settings", ["", CHIME])
def test_the_light_is_on_for_exactly_the_samples_that_are_kept(
    tmp_path: Path, settings: str, linked: bool
) -> None:
    house = House(tmp_path, 33, f"cloud.answer_s = 0.5\n{settings}")
    if linked:
        house.link()
    a_busy_day(house)
    house.run()
    utterances = house.utterances()
    reasons = "silence cancelled released muted mic_lost max_duration cancelled"
    assert [utterance.end.reason for utterance in utterances] == reasons.split()
    assert house.lit() == [span(utterance) for utterance in utterances]


def test_muted_outranks_every_other_cue(tmp_path: Path) -> None:
    house = House(tmp_path, 6)
    house.at(1, house.board.press)
    house.at(2, house.board.mute_on)
    house.at(3, house.board.unplug)
    house.run()
    assert [cue for sample, cue, _ in house.board.shown if sample >= s(2)] == ["muted"]


@pytest.mark.parametrize("linked", [True, False])
def test_idle_is_dark_only_with_a_link(tmp_path: Path, linked: bool) -> None:
    house = House(tmp_path, 2)
    if linked:
        house.link()
    house.run()
    assert house.board.shown[-1][1] == ("idle" if linked else "offline")


# Its own sounds


def assert_kept_without_a_sound_of_its_own(house: House, count: int) -> None:
    """The room is silent but for the loudspeaker, and so is all that was kept."""
    utterances = house.utterances()
    assert len(utterances) == count
    for utterance in utterances:
        assert len(utterance.pcm) > 0
        assert utterance.pcm == bytes(len(utterance.pcm))


def loud_until(house: House, sample: int) -> int:
    """The sample after the last that was not silent before `sample`."""
    room = np.frombuffer(house.room, "<i2")[:sample]
    return int(np.flatnonzero(room)[-1]) + 1


@pytest.mark.parametrize("way", ["tap", "press"])
def test_the_chime_is_played_before_the_capture_and_not_kept(tmp_path: Path, way: str) -> None:
    house = House(tmp_path, 4, CHIME, echo_db=LOUD_DB)
    house.at(1, getattr(house.board, way))
    house.run()
    assert_kept_without_a_sound_of_its_own(house, 1)
    first, _ = span(house.utterances()[0])
    ((triggered, _),) = house.of("trigger")
    assert first - triggered >= s(0.2)
    assert triggered < loud_until(house, first) <= first


def test_the_chime_of_a_loudspeaker_that_is_late_is_not_kept_either(tmp_path: Path) -> None:
    house = House(tmp_path, 4, CHIME, echo_db=LOUD_DB)
    house.board.loudspeaker.late_samples = 2_400
    house.at(1, house.board.tap)
    house.run()
    assert_kept_without_a_sound_of_its_own(house, 1)


def test_the_chime_after_the_wake_word_is_not_kept(tmp_path: Path) -> None:
    house = House(tmp_path, 9, CHIME, echo_db=LOUD_DB)
    said = house.say("wake/alexa", 0)
    house.run()
    (utterance,) = house.utterances()
    ((chimed, chime),) = house.board.played
    assert chimed + len(chime) // 2 <= utterance.header.first_sample
    tail = utterance.pcm[2 * max(0, said - utterance.header.first_sample) :]
    assert len(tail) > s(2)
    assert tail == bytes(len(tail))


def test_no_earcon_of_a_trigger_refused_or_denied_or_of_mute_reaches_an_utterance(tmp_path: Path) -> None:
    house = House(tmp_path, 12, echo_db=LOUD_DB)
    house.at(1, house.board.mute_on)
    house.at(2.0, house.board.tap)
    house.at(2.2, house.board.mute_off)
    house.at(2.3, house.board.tap)
    house.at(3.5, house.board.tap)
    house.at(4, house.board.press)
    house.at(5, house.board.release)
    house.at(5.1, house.board.tap)
    house.run()
    assert_kept_without_a_sound_of_its_own(house, 3)
    assert len(house.board.played) == 4, "mute, denied, unmute, error"


@pytest.mark.parametrize("settings", ["", CHIME])
def test_an_answer_is_hushed_before_the_next_capture_which_still_chimes(
    tmp_path: Path, settings: str
) -> None:
    house = House(tmp_path, 9, settings, echo_db=LOUD_DB)
    tone = np.full(s(6), 9_000, "<i2").tobytes()
    house.link()
    house.at(1, house.board.press)
    house.at(2, house.board.release)
    house.at(3, lambda: house.answer(tone))
    house.at(5, house.board.press)
    house.run()
    assert_kept_without_a_sound_of_its_own(house, 2)
    answer = next(pcm for _, pcm in house.board.played if len(pcm) > 2 * s(1))
    assert len(answer) < 2 * s(2.5)
    chimes = [len(pcm) // 2 for _, pcm in house.board.played if len(pcm) < 2 * s(1)]
    assert chimes == ([3_520, 3_520] if settings else [])


@pytest.mark.parametrize("settings", ["", CHIME])
def test_a_timer_that_is_due_while_somebody_is_listened_to_rings_afterwards(
    tmp_path: Path, settings: str
) -> None:
    house = House(tmp_path, 10, settings, echo_db=LOUD_DB)
    house.link()
    house.at(1, house.board.press)
    house.at(2, house.board.release)
    house.at(3, lambda: house.answer(b"", {"do": "timer", "after_s": 3}))
    house.at(5.3, house.board.press)
    house.at(7, house.board.release)
    house.run()
    assert_kept_without_a_sound_of_its_own(house, 2)
    _, end = span(house.utterances()[1])
    rung, _ = house.board.played[-1]
    assert rung == end


# Its memory


RUNNERS = {"_pytest", "pluggy"}
"""What knows every other test of this process, and what those hold."""


def _is_the_tests(item: object) -> bool:
    return isinstance(item, type | ModuleType | House) or type(item).__module__.partition(".")[0] in RUNNERS


def held_by(house: House) -> Iterator[bytes]:
    """Every run of bytes that the firmware can reach now: from its objects, and from its calls under way."""
    world = {id(house), id(house.board), id(house.board.room), id(house.board.tape), id(house.told)}
    todo: list[object] = [house.speaker, house.board.loudspeaker, house.board.panel]
    call = inspect.currentframe()
    while call is not None:
        if Path(device.__file__).parent in Path(call.f_code.co_filename).parents:
            todo += call.f_locals.values()
        call = call.f_back
    seen = set(world)
    while todo:
        item = todo.pop()
        if id(item) in seen or _is_the_tests(item):
            continue
        seen.add(id(item))
        if isinstance(item, np.ndarray):
            yield np.rint(item).clip(-32_768, 32_767).astype("<i2").tobytes()
        elif isinstance(item, bytes | bytearray | memoryview):
            yield bytes(item)
        if type(item).__module__ != "hardware.world":
            todo += gc.get_referents(item)


def samples_of_the_room_in(house: House) -> int:
    """How many samples of what the room has sounded like the firmware can reach, counted in runs of 16."""
    room = house.room
    runs = {room[at : at + 32] for at in range(0, len(room) - 31, 32)}
    found = 0
    for held in held_by(house):
        found += sum(held[at : at + 32] in runs for at in range(0, len(held) - 31))
    return 16 * found


def look_at(house: House, at_s: list[float]) -> list[int]:
    """Run, and count what is held at each of those times, between two frames."""
    wanted, found = {s(each) for each in at_s}, []

    def gate(first: int) -> None:
        if first in wanted:
            found.append(samples_of_the_room_in(house))

    house.board.gate = gate
    house.run()
    return found


HISS = 3_000


def test_between_two_frames_an_idle_speaker_holds_nothing_of_the_room(tmp_path: Path) -> None:
    house = House(tmp_path, 5, noise_floor=HISS)
    house.say("wake/none", 0)
    assert look_at(house, [1, 2.5, 4.9]) == [0, 0, 0]
    assert house.phases() == ["idle"]


def test_a_listening_speaker_holds_less_than_a_segment_in_plain(tmp_path: Path) -> None:
    house = House(tmp_path, 4, noise_floor=HISS)
    house.at(1, house.board.press)
    offsets = [2 + n * FRAME_SAMPLES / 16_000 for n in range(8)]
    found = look_at(house, offsets)
    assert max(found) <= 1_280
    assert {round(each / FRAME_SAMPLES) for each in found} == {0, 1, 2, 3}, (
        "the search does find what is there"
    )


@pytest.mark.parametrize("way", ["mute_on", "release", "tap"])
def test_once_an_utterance_is_over_nothing_of_it_is_held(tmp_path: Path, way: str) -> None:
    house = House(tmp_path, 5, noise_floor=HISS)
    house.at(1, house.board.tap if way == "tap" else house.board.press)
    house.at(2.01, getattr(house.board, way))
    assert look_at(house, [1.9, 2.5, 4])[1:] == [0, 0]
    assert len(house.utterances()) == 1
