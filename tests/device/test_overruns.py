"""The whole firmware when the microphone loses samples: a gap that is marked, never hidden, and two moments
that are never heard as one.
"""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from device.diary import Diary
from device.envelope import Gap
from device.envelope import Utterance as Opened
from device.wakeword import Wake, open_ears
from hardware.board import FRAME_SAMPLES, RATE_HZ, RGB
from tests.device.house import House, recording, s, span

HISS = 30


def lose(house: House, at_s: float, samples: int) -> None:
    house.at(at_s, partial(house.board.microphone.overrun, samples))


def lost_from(house: House, utterance: Opened) -> list[Gap]:
    """What the microphone lost of an utterance, by the board's own word."""
    first, end = span(utterance)
    return [Gap(at - first, lost) for at, lost in house.board.microphone.missed if first <= at < end]


def as_heard(house: House, utterance: Opened) -> bytes:
    """What the room sounded like, silent where the microphone lost it."""
    first, end = span(utterance)
    heard = bytearray(house.room[2 * first : 2 * end])
    for gap in lost_from(house, utterance):
        heard[2 * gap.first : 2 * gap.end] = bytes(2 * gap.samples)
    return bytes(heard)


@pytest.mark.parametrize("samples", [1, 320, 1_003, 8_000])
@pytest.mark.parametrize("settings", ["", "privacy.pad_s = 2.0\n", "audio.segment_ms = 400\n"])
def test_an_utterance_goes_on_with_a_gap_where_the_samples_were(
    tmp_path: Path, samples: int, settings: str
) -> None:
    house = House(tmp_path, 6, settings, noise_floor=HISS)
    house.at(1, house.board.press)
    lose(house, 2.51, samples)
    house.at(4, house.board.release)
    house.run()
    (utterance,) = house.utterances()
    assert utterance.end.reason == "released"
    assert list(utterance.gaps) == lost_from(house, utterance)
    assert sum(gap.samples for gap in utterance.gaps) == samples
    assert utterance.pcm == as_heard(house, utterance) != bytes(len(utterance.pcm))
    assert house.lit() == [span(utterance)]
    assert house.of("overrun") == [(house.board.microphone.missed[0][0], {"samples": samples, "overruns": 1})]


def test_each_of_many_is_marked_and_told(tmp_path: Path) -> None:
    house = House(tmp_path, 9, noise_floor=HISS)
    house.at(1, house.board.press)
    for n in range(16):
        lose(house, 1.5 + n * 0.2, 17 * (n + 1))
    lose(house, 0.5, 77)
    house.at(6, house.board.release)
    house.run()
    (utterance,) = house.utterances()
    assert [gap.samples for gap in utterance.gaps] == [17 * (n + 1) for n in range(16)]
    assert list(utterance.gaps) == lost_from(house, utterance)
    assert utterance.pcm == as_heard(house, utterance)
    told = [(at, fields["samples"]) for at, fields in house.of("overrun")]
    assert told == house.board.microphone.missed
    assert [fields["overruns"] for _, fields in house.of("overrun")] == list(range(1, 18))


@pytest.mark.parametrize("losses", [[8_001], [100] * 17, [4_000, 4_001]])
def test_too_much_ends_it_as_a_lost_microphone_and_the_next_is_whole(
    tmp_path: Path, losses: list[int]
) -> None:
    house = House(tmp_path, 12, noise_floor=HISS)
    house.at(1, house.board.press)
    for n, lost in enumerate(losses):
        lose(house, 2 + n * max(0.2, lost / s(0.5)), lost)
    house.at(7, house.board.release)
    house.at(8, house.board.press)
    house.at(9, house.board.release)
    house.run()
    cut, whole = house.utterances()
    assert cut.end.reason == "mic_lost"
    assert len(cut.gaps) == len(losses) - 1
    assert span(cut)[1] == house.board.microphone.missed[-1][0], "what is kept ends where the loss begins"
    assert (whole.end.reason, whole.gaps) == ("released", ())
    for utterance in (cut, whole):
        assert utterance.pcm == as_heard(house, utterance)
    assert house.lit() == [span(cut), span(whole)]


@pytest.mark.parametrize("at_s", [2.0, 10.6])
def test_what_is_lost_counts_and_nothing_is_longer_than_it_may_be(tmp_path: Path, at_s: float) -> None:
    house = House(tmp_path, 13, noise_floor=HISS)
    house.at(1, house.board.press)
    lose(house, at_s, 7_007)
    house.run()
    (utterance,) = house.utterances()
    assert utterance.end.reason == "max_duration"
    assert s(10) - 7_007 - FRAME_SAMPLES < len(utterance.pcm) // 2 <= s(10)
    assert list(utterance.gaps) == lost_from(house, utterance)
    assert house.lit() == [span(utterance)]


CHIME = "audio.wake_earcon = true\n"


@pytest.mark.parametrize("samples", [1, 320, 1_003, 7_999])
@pytest.mark.parametrize("at_s", [1.4, 1.5])
def test_a_loss_while_the_chime_sounds_begins_the_capture_anew_with_the_light(
    tmp_path: Path, at_s: float, samples: int
) -> None:
    house = House(tmp_path, 6, CHIME, noise_floor=HISS, echo_db=-20)
    house.link()
    house.at(1, house.board.press)
    lose(house, at_s, samples)
    house.at(5, house.board.release)
    house.run()
    (utterance,) = house.utterances()
    assert (utterance.end.reason, utterance.gaps) == ("released", ())
    assert house.lit() == [span(utterance)]
    assert utterance.pcm == as_heard(house, utterance)
    triggers = [row.utterance for row in house.rows() if row.kind == "trigger"]
    (dropped,) = [row for row in house.rows() if row.kind == "dropped"]
    assert triggers == [dropped.utterance, utterance.header.utterance]
    assert (dropped.cause, dropped.samples) == ("overrun", 0)


# Waking


Sound = npt.NDArray[np.int16]


def halves() -> tuple[Sound, Sound]:
    """A wake word cut in two in its middle, each half whole frames."""
    word = soundfile.read(recording("wake/alexa"), dtype="int16")[0]
    word = word[: len(word) // FRAME_SAMPLES * FRAME_SAMPLES]
    loud = np.flatnonzero(np.abs(word) > 1_000)
    middle = int(loud[0] + loud[-1]) // 2 // FRAME_SAMPLES * FRAME_SAMPLES
    return word[:middle], word[middle:]


def proposed_by(*sounds: Sound) -> list[str]:
    """What ears propose that hear these as one."""
    pcm = b"".join(sound.tobytes() for sound in sounds)
    ears = open_ears(["alexa"])
    said = [ears.hear(pcm[at : at + 640], at // 2 + FRAME_SAMPLES) for at in range(0, len(pcm) - 639, 640)]
    return [wake.word for wake in said if isinstance(wake, Wake)]


def test_two_moments_are_not_heard_as_one(tmp_path: Path) -> None:
    """Half a wake word before the loss and half after it: ears that did not forget would hear the word."""
    one, other = halves()
    assert proposed_by(one) == proposed_by(other) == []
    assert proposed_by(one, other) == ["alexa"]
    house = House(tmp_path, 8)
    house.board.room.say(one, s(1))
    lost = 100 * FRAME_SAMPLES
    house.board.room.say(other, s(1) + len(one) + lost)
    house.at(1 + len(one) / RATE_HZ, partial(house.board.microphone.overrun, lost))
    house.run()
    assert house.of("overrun") == [(s(1) + len(one), {"samples": lost, "overruns": 1})]
    assert house.phases() == ["idle"]


def test_after_a_loss_it_wakes_as_before(tmp_path: Path) -> None:
    house = House(tmp_path, 10, noise_floor=HISS)
    lose(house, 1, 777)
    house.say("alexa_time", 2)
    house.run()
    assert house.phases()[:3] == ["idle", "verifying", "listening"]
    (utterance,) = house.utterances()
    assert utterance.gaps == ()
    assert utterance.pcm == as_heard(house, utterance)


def test_a_proposal_that_cannot_be_verified_is_dropped_and_written_down(tmp_path: Path) -> None:
    house = House(tmp_path, 8, noise_floor=HISS)
    house.say("alexa_time", 1)
    shown = house.board.panel.listener

    def listener(sample: int, cue: str, rgb: RGB) -> None:
        if shown is not None:
            shown(sample, cue, rgb)
        if cue == "verifying":
            house.board.microphone.overrun(160)

    house.board.panel.listener = listener
    house.run()
    assert house.phases()[:3] == ["idle", "verifying", "idle"]
    assert house.utterances() == []
    dropped = next(row for row in house.rows() if row.kind == "dropped")
    ((at, _), *_) = house.of("overrun")
    assert dropped.first_sample is not None
    assert dropped.samples is not None
    assert (dropped.cause, dropped.first_sample + dropped.samples) == ("overrun", at)
    assert house.of("publish") == []


def test_a_loss_while_an_answer_plays_or_is_awaited_costs_neither(tmp_path: Path) -> None:
    house = House(tmp_path, 8)
    house.link()
    house.at(1, house.board.press)
    house.at(2, house.board.release)
    lose(house, 2.5, 500)
    house.at(3, lambda: house.answer(np.full(s(1), 2_000, "<i2").tobytes()))
    lose(house, 3.5, 500)
    house.run()
    assert house.phases() == ["idle", "listening", "processing", "responding", "idle"]
    assert len(house.of("overrun")) == 2


# What is no loss


def test_a_microphone_that_was_closed_lost_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, 8, noise_floor=HISS)
    house.at(1, house.board.mute_on)
    lose(house, 2, 5_000)
    house.at(3, house.board.mute_off)
    house.at(4, house.board.unplug)
    house.at(4.5, house.board.plug)
    house.at(6, house.board.press)
    house.at(7, house.board.release)
    house.run()
    assert house.of("overrun") == []
    assert house.utterances()[0].gaps == ()


# Saying so


def test_it_is_one_line_for_a_person() -> None:
    said: list[str] = []
    Diary(said.append)("overrun", 16_000, samples=320, overruns=7)
    assert said == ["      1.00 s  0.020 s of the room were lost: this machine was too slow, 7 times so far"]


def test_a_hundred_a_minute_are_one_line_a_minute_for_a_person() -> None:
    said: list[str] = []
    diary = Diary(said.append)
    for n in range(180):
        diary("overrun", n * RATE_HZ, samples=160, overruns=n + 1)
    assert [line.split("s  ")[1].split(":")[0] for line in said] == [
        "0.010 s of the room were lost",
        "0.600 s of the room were lost",
        "0.600 s of the room were lost",
    ]
