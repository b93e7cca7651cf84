"""Both ears: when the second is asked, what it decides, and that a rejection costs nothing but itself."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.wakeword import Detector, Ears, Model, Opinion, Wake, find, open_ears
from device.wakeword.opening import PROPOSING_LEVELS

WAKE = Path(__file__).parents[1] / "audio" / "wake"
FRAME, MS = 320, 16
REFRACTORY = 32_000


class Scripted:
    """A second ear that gives the scores it was told to, one each time it is asked."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.asked: list[str] = []
        self.kept = 0

    def keep(self, rows: object) -> None:
        assert isinstance(rows, np.ndarray)
        self.kept += 1

    def score(self, word: str) -> float:
        self.asked.append(word)
        return self.scores.pop(0) if self.scores else 0.0

    def forget(self) -> None:
        self.kept = 0


def pcm_of(*names: str) -> bytes:
    return b"".join(soundfile.read(WAKE / f"{name}.flac", dtype="int16")[0].tobytes() for name in names)


def said_twice() -> bytes:
    """The word, and again 1.6 s later: within the refractory period."""
    word = pcm_of("alexa")[2 * 18_000 : 2 * 43_000]
    assert len(word) // 2 < REFRACTORY
    return word + word


def ears_with(second: Scripted, *words: str, alone: str = "", patient: bool = False) -> Ears:
    proposing = words or ("alexa",)
    models = [Model(find(word), PROPOSING_LEVELS) for word in proposing]
    models += [Model(find(alone))] if alone else []
    detector = Detector(models, REFRACTORY, dict.fromkeys(proposing, 0.1), proposing, second.keep)
    return Ears(detector, second, dict.fromkeys(proposing, 0.5), patient=patient)


def said_by(ears: Ears, pcm: bytes, start: int = 0) -> list[Wake | Opinion]:
    heard = [
        ears.hear(pcm[at : at + 2 * FRAME], start + at // 2 + FRAME)
        for at in range(0, len(pcm) - 639, 2 * FRAME)
    ]
    return [said for said in heard if said is not None]


def opinions(said: list[Wake | Opinion]) -> list[Opinion]:
    return [each for each in said if isinstance(each, Opinion)]


def test_a_proposal_that_the_second_ear_hears_is_accepted_at_once() -> None:
    second = Scripted(0.9)
    wake, opinion = said_by(ears_with(second), pcm_of("alexa"))
    assert isinstance(wake, Wake)
    assert not wake.stands
    assert opinion == Opinion(wake, 0.9, opinion.sample, True, 0.5)
    assert 0 < opinion.sample - wake.sample <= 2 * FRAME
    assert second.asked == ["alexa"]


def test_the_second_ear_is_asked_for_240_ms_and_its_best_score_decides() -> None:
    second = Scripted(0.1, 0.2, 0.4, 0.3, 0.2, 0.9)
    wake, opinion, *_ = said_by(ears_with(second), pcm_of("alexa"))
    assert isinstance(opinion, Opinion)
    assert (opinion.accepted, opinion.score, len(second.asked)) == (False, 0.4, 5)
    assert isinstance(wake, Wake)
    assert 220 * MS <= opinion.sample - wake.sample <= 240 * MS


def test_one_good_score_late_in_the_window_is_enough() -> None:
    _, opinion = said_by(ears_with(Scripted(0.1, 0.2, 0.3, 0.4, 0.5)), pcm_of("alexa"))
    assert isinstance(opinion, Opinion)
    assert (opinion.accepted, opinion.score) == (True, 0.5), "at the threshold it is enough"


def test_patient_ears_wait_for_the_best_score() -> None:
    wake, opinion = said_by(ears_with(Scripted(0.6, 0.7, 0.95, 0.8, 0.7), patient=True), pcm_of("alexa"))
    assert isinstance(opinion, Opinion)
    assert (opinion.accepted, opinion.score) == (True, 0.95)
    assert isinstance(wake, Wake)
    assert opinion.sample - wake.sample >= 220 * MS


def test_a_rejected_proposal_has_no_refractory_period() -> None:
    """The word said again at once, properly, is heard: a rejection costs the user nothing."""
    found = opinions(said_by(ears_with(Scripted(*[0.0] * 5, 0.9)), said_twice()))
    assert [opinion.accepted for opinion in found] == [False, True]


def test_an_accepted_proposal_has_one() -> None:
    assert [o.accepted for o in opinions(said_by(ears_with(Scripted(0.9, 0.9)), said_twice()))] == [True]


def test_what_was_rejected_is_not_proposed_again_before_it_has_been_heard_out() -> None:
    second = Scripted()
    said = said_by(ears_with(second), pcm_of("alexa"))
    assert [type(each) for each in said] == [Wake, Opinion]


def test_a_word_that_stands_is_heard_while_another_is_verified() -> None:
    """Whoever is verified must be able to be stopped."""
    ears = ears_with(Scripted(), alone="okay_nabu")
    said_by(ears, pcm_of("alexa")[: 2 * 16_000])
    stands = [
        each for each in said_by(ears, pcm_of("alexa", "okay_nabu")) if isinstance(each, Wake) and each.stands
    ]
    assert [wake.word for wake in stands] == ["okay_nabu"]


def test_two_words_are_verified_one_after_the_other() -> None:
    second = Scripted(*[0.9] * 9)
    said = said_by(ears_with(second, "alexa", "okay_nabu"), pcm_of("alexa", "okay_nabu"))
    accepted = [opinion.wake.word for opinion in opinions(said) if opinion.accepted]
    assert accepted == ["alexa", "okay_nabu"]


@pytest.mark.parametrize("forget", [Ears.forget, Ears.reset])
def test_what_is_pending_is_forgotten_with_the_rest(forget: object) -> None:
    assert callable(forget)
    second = Scripted(0.9, 0.9)
    ears, pcm = ears_with(second), pcm_of("alexa")
    for at in range(0, len(pcm) - 639, 2 * FRAME):
        if ears.hear(pcm[at : at + 2 * FRAME], at // 2 + FRAME) is not None:
            break
    forget(ears)
    assert second.kept == 0
    assert opinions(said_by(ears, bytes(2 * 16_000), at // 2)) == []
    assert second.asked == []


@pytest.mark.parametrize("word", ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"])
def test_the_ears_that_ship_know_their_words(word: str) -> None:
    found = opinions(said_by(open_ears([word]), pcm_of(word)))
    assert [opinion.wake.word for opinion in found if opinion.accepted] == [word]
    assert not any(opinion.accepted for opinion in opinions(said_by(open_ears([word]), pcm_of("none"))))


def test_all_words_at_once_hear_what_each_hears_alone() -> None:
    words = ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]
    found = opinions(said_by(open_ears(words), pcm_of(*words)))
    assert [opinion.wake.word for opinion in found if opinion.accepted] == words


def test_a_stop_word_has_one_ear() -> None:
    ears = open_ears(["alexa"], stop="okay_nabu")
    (wake,) = [each for each in said_by(ears, pcm_of("okay_nabu")) if isinstance(each, Wake) and each.stands]
    assert wake.word == "okay_nabu"
    assert set(ears.thresholds) == {"alexa"}
    assert ears.threshold["okay_nabu"] == find("okay_nabu").cutoff


def test_a_more_careful_setting_asks_for_more() -> None:
    careful, balanced, eager = (
        open_ears(["alexa"], name).thresholds["alexa"] for name in ("careful", "balanced", "eager")
    )
    assert careful > balanced > eager
