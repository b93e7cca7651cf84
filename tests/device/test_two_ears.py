"""The whole firmware when the second ear does not agree: nothing comes of a proposal, and that is free."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from device.wakeword import open_ears
from device.wakeword.verifier import HEADS
from tests.device.house import House, s, span
from tests.device.test_speaker_shows import samples_of_the_room_in

HISS = 3


def deaf(tmp_path: Path, settings: str = "") -> str:
    """Settings with a head for alexa that never agrees: the one that ships, with a hopeless bias."""
    head = msgspec.json.decode((HEADS / "alexa.json").read_bytes())
    (tmp_path / "deaf.json").write_bytes(msgspec.json.encode(head | {"bias": -1000.0}))
    return f'wakeword = {{ heads = ["deaf.json"] }}\n{settings}'


def test_a_rejected_wake_is_dropped_wiped_and_written_down(tmp_path: Path) -> None:
    house = House(tmp_path, 6, deaf(tmp_path), noise_floor=HISS)
    house.say("alexa_time", 1)
    house.run()
    assert house.utterances() == []
    assert house.phases() == ["idle", "verifying", "idle"]
    boot, trigger, rejected = house.rows()
    assert [row.kind for row in (boot, trigger, rejected)] == ["boot", "trigger", "rejected_wake"]
    assert rejected.utterance == trigger.utterance
    assert rejected.first_sample == trigger.first_sample
    assert rejected.samples is not None
    assert 0 < rejected.samples <= s(0.24)
    assert rejected.second_score == 0
    assert rejected.first_score is not None
    assert rejected.first_score > 0.1
    ((sample, told),) = house.of("rejected")
    assert (told["word"], told["first_score"]) == ("alexa", rejected.first_score)
    assert house.lit() == [(rejected.first_sample, rejected.first_sample + rejected.samples)]
    assert sample == rejected.first_sample + rejected.samples


def test_nothing_of_it_is_held_afterwards(tmp_path: Path) -> None:
    house = House(tmp_path, 6, deaf(tmp_path), noise_floor=HISS)
    house.say("alexa_time", 1)
    held = []

    def look(_: int) -> None:
        if house.of("rejected") and not held:
            held.append(samples_of_the_room_in(house))

    house.board.gate = look
    house.run()
    assert held == [0]


def test_nothing_leaves_before_the_second_ear_agrees(tmp_path: Path) -> None:
    house = House(tmp_path, 6, noise_floor=HISS)
    house.say("alexa_time", 1)
    house.run()
    ((agreed, told),) = house.of("verified")
    ((proposed, _),) = house.of("trigger")
    assert 0 < agreed - proposed <= s(0.24)
    assert told["second_score"] >= told["threshold"]
    departures = [sample for sample, fields in house.of("publish") if fields["what"] in ("begin", "segment")]
    assert all(sample >= agreed for sample in departures)
    (utterance,) = house.utterances()
    assert utterance.header.first_sample == proposed, "capture begins at the first ear's trigger"
    assert house.phases()[:3] == ["idle", "verifying", "listening"]


def answering(house: House) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """From 3 s on it plays four seconds of an answer."""
    tone = np.full(s(4), 2_000, "<i2")
    house.link()
    house.at(1, house.board.press)
    house.at(2, house.board.release)
    house.at(3, lambda: house.answer(tone.tobytes()))
    return tone


def test_a_rejected_proposal_does_not_interrupt_an_answer(tmp_path: Path) -> None:
    house = House(tmp_path, 9, deaf(tmp_path), noise_floor=HISS, echo_db=-60)
    tone = answering(house)
    house.say("alexa_time", 4)
    house.run()
    assert "verifying" not in house.phases()
    assert max(len(pcm) // 2 for _, pcm in house.board.played) == len(tone), "played to its end"
    (rejected,) = [row for row in house.rows() if row.kind == "rejected_wake"]
    assert (rejected.samples, rejected.utterance) == (0, None)
    assert len(house.utterances()) == 1, "the one that was held by hand"


def test_a_barge_in_is_heard_once_the_second_ear_agrees(tmp_path: Path) -> None:
    house = House(tmp_path, 10, noise_floor=HISS, echo_db=-60)
    tone = answering(house)
    house.say("alexa_time", 4)
    house.run()
    ((agreed, _),) = house.of("verified")
    assert max(len(pcm) // 2 for _, pcm in house.board.played) < len(tone), "hushed"
    _, second = house.utterances()
    assert second.header.first_sample == agreed
    assert all(sample + len(pcm) // 2 <= span(second)[0] for sample, pcm in house.board.played)


def test_an_answer_that_is_awaited_still_comes_after_a_rejected_proposal(tmp_path: Path) -> None:
    house = House(tmp_path, 9, deaf(tmp_path), noise_floor=HISS)
    house.link()
    house.at(1, house.board.press)
    house.at(2, house.board.release)
    house.say("alexa", 2.2)
    house.at(5, lambda: house.answer(np.full(s(1), 2_000, "<i2").tobytes()))
    house.run()
    assert [row.kind for row in house.rows()].count("rejected_wake") == 1
    assert house.of("answer")


def test_without_a_key_a_rejected_proposal_is_not_refused_aloud(tmp_path: Path) -> None:
    house = House(tmp_path, 6, deaf(tmp_path), keys=False, noise_floor=HISS)
    house.say("alexa_time", 1)
    house.run()
    assert house.board.played == []
    assert [row.kind for row in house.rows()] == ["boot", "rejected_wake"]


def test_a_chime_waits_for_the_second_ear(tmp_path: Path) -> None:
    settings = "audio.wake_earcon = true\n"
    house = House(tmp_path, 6, deaf(tmp_path, settings), noise_floor=HISS)
    house.say("alexa_time", 1)
    house.run()
    assert house.board.played == []
    (tmp_path / "second").mkdir()
    house = House(tmp_path / "second", 7, settings, noise_floor=HISS)
    house.say("alexa_time", 1)
    house.run()
    ((agreed, _),) = house.of("verified")
    assert house.board.played[0][0] >= agreed


@pytest.mark.parametrize("how", ["mute_on", "unplug"])
def test_a_hand_or_a_lost_microphone_ends_the_verifying(tmp_path: Path, how: str) -> None:
    """Wherever in the 240 ms it comes, nothing is sent, and what is pending is forgotten."""
    first = House(tmp_path, 4, deaf(tmp_path), noise_floor=HISS)
    first.say("alexa_time", 1)
    first.run()
    ((proposed, _),) = first.of("trigger")
    other = tmp_path / how
    other.mkdir()
    house = House(other, 4, deaf(other), noise_floor=HISS)
    house.say("alexa_time", 1)
    house.at((proposed + s(0.1)) / 16_000, getattr(house.board, how))
    house.run()
    assert house.utterances() == []
    assert [row.kind for row in house.rows()][:3] == ["boot", "trigger", "dropped"]
    assert house.of("rejected") == []


def test_a_false_proposal_shows_no_more_than_its_light(tmp_path: Path) -> None:
    """What near misses, talk and television propose is rejected: nothing is kept, and every row says why."""
    rejected = 0
    for piece in ("wake/none", "near_word", "talk_card", "television"):
        folder = tmp_path / piece.replace("/", "-")
        folder.mkdir()
        house = House(folder, 13)
        house.say(piece, 0)
        house.run()
        assert house.utterances() == []
        kinds = [row.kind for row in house.rows()]
        assert kinds == ["boot"] + ["trigger", "rejected_wake"] * (len(kinds) // 2)
        spans = [row for row in house.rows() if row.kind == "rejected_wake"]
        assert house.lit() == [
            (row.first_sample, (row.first_sample or 0) + (row.samples or 0)) for row in spans
        ]
        rejected += len(spans)
    assert rejected > 0


@pytest.mark.parametrize("how", ["tap", "press"])
def test_a_hand_is_not_kept_waiting_by_a_proposal(tmp_path: Path, how: str) -> None:
    """Whoever presses while something else is being verified talks to a speaker that listens."""
    first = House(tmp_path, 4, deaf(tmp_path), noise_floor=HISS)
    first.say("alexa_time", 1)
    first.run()
    ((proposed, _),) = first.of("trigger")
    early = s(0.1 if how == "tap" else 0.26)
    other = tmp_path / how
    other.mkdir()
    house = House(other, 6, deaf(other), noise_floor=HISS)
    house.say("alexa_time", 1)
    house.at((proposed - early) / 16_000, getattr(house.board, how))
    house.at((proposed + s(1)) / 16_000, house.board.release)
    house.run()
    kinds = [row.kind for row in house.rows()]
    assert kinds[:4] == ["boot", "trigger", "dropped", "trigger"]
    (utterance,) = house.utterances()
    assert utterance.header.trigger.kind == {"tap": "button_tap", "press": "button_hold"}[how]
    assert house.of("rejected") == []


def test_a_timer_rings_on_through_a_rejected_proposal(tmp_path: Path) -> None:
    def rung(folder: Path, piece: str | None) -> list[int]:
        folder.mkdir()
        house = House(folder, 9, deaf(folder), noise_floor=HISS, echo_db=-60)
        house.link()
        house.at(1, house.board.press)
        house.at(2, house.board.release)
        house.at(2.5, lambda: house.answer(b"", {"do": "timer", "after_s": 2}))
        if piece:
            house.say(piece, 4.5 - 0.75)
        house.run()
        return [len(pcm) for _, pcm in house.board.played]

    assert rung(tmp_path / "with", "alexa") == rung(tmp_path / "without", None) != []


def test_a_lost_microphone_leaves_nothing_remembered(tmp_path: Path) -> None:
    house = House(tmp_path, 4, noise_floor=HISS)
    house.say("wake/none", 0)
    house.at(2, house.board.unplug)
    house.run()
    ears, fresh = house.speaker.parts.ears, open_ears(["alexa"])
    assert ears.score == fresh.score
    assert ears._second.score("alexa") == fresh._second.score("alexa")
