"""What is spelled aloud: where the sound says so, and that all of it is hidden."""

import io
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.critical.bleep import LEVEL
from cloud_stub.critical.find import Found
from cloud_stub.critical.guard import guard
from cloud_stub.hearing.stretches import Part, Rule, Stretch, joined, mean_score, stretches
from cloud_stub.hearing.timed import TimedWord, open_timed

Ears = Callable[[bytes], list[TimedWord]]

RULE = Rule(spelled=0.5, difference=1.0, sound=1.0, enough=100)
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def row(*heard: tuple[str, int, float]) -> list[Part]:
    """Parts one after another: text, frames, score."""
    parts, at = [], 0
    for text, frames, score in heard:
        parts.append(Part(text, at, at + frames - 1, score))
        at += frames
    return parts


def is_digit(text: str) -> bool:
    return text == "nine"


def found(heard: list[Part], english: list[Part]) -> list[Stretch]:
    return list(stretches(heard, english, RULE, is_digit))


ENGLISH = row(("words", 1_000, -2.0))


def test_digits_that_fit_better_than_english_are_a_stretch_from_the_first_to_the_last() -> None:
    heard = row(("_aa", 50, -2), ("nine", 30, -1), ("<sil>", 40, -2), ("nine", 50, -1), ("_aa", 500, -2))
    assert found(heard, ENGLISH) == [Stretch(50, 169)]


def test_digits_that_fit_worse_than_english_are_none() -> None:
    assert found(row(*[("nine", 30, -3.0)] * 10), ENGLISH) == []


def test_too_few_digits_are_none_and_one_more_is_enough() -> None:
    assert found(row(("nine", 66, -1)), ENGLISH) == []
    assert found(row(("nine", 67, -1)), ENGLISH) == [Stretch(0, 66)]


def test_a_sound_in_the_middle_does_not_end_a_number_and_much_of_it_does() -> None:
    digits = ("nine", 100, -1)
    assert found(row(digits, ("_aa", 30, -2), digits), ENGLISH) == [Stretch(0, 229)]
    assert found(row(digits, ("_aa", 400, -2), digits), ENGLISH) == [Stretch(0, 99), Stretch(500, 599)]


def test_the_score_of_a_stretch_counts_each_frame_once() -> None:
    heard = row(("a", 10, -1.0), ("b", 30, -3.0))
    assert mean_score(heard, 5, 14) == pytest.approx(-2.0)
    assert mean_score(heard, 100, 200) == 0.0


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 30)).map(lambda at: Stretch(at[0], sum(at)))))
def test_joined_stretches_cover_the_same_frames_and_are_apart(some: list[Stretch]) -> None:
    whole = joined(some)
    assert {f for s in some for f in range(s.first, s.last + 1)} == {
        f for s in whole for f in range(s.first, s.last + 1)
    }
    assert all(one.last + 1 < other.first for one, other in pairwise(whole))


def timed(text: str, *spelled: int) -> list[TimedWord]:
    words = text.split()
    return [TimedWord(word, at * 8000, (at + 1) * 8000, at in spelled) for at, word in enumerate(words)]


def test_what_is_spelled_is_hidden_even_if_it_looks_like_no_number_any_more() -> None:
    guarded = guard(timed("it is four b nine thanks", 2, 3, 4), bytes(96_000))
    assert guarded.found == [Found("number", 2, 4)]
    assert [each.text for each in guarded.words] == ["it", "is", "[number]", "thanks"]


def test_the_same_words_said_as_words_stay() -> None:
    assert guard(timed("it is four b nine thanks"), bytes(96_000)).found == []


def test_a_find_grows_over_the_spelling_that_it_is_in_and_keeps_its_kind() -> None:
    card = "double four one one one one one one one one one one one one one one one"
    assert [each.kind for each in guard(timed(card), b"").found] == ["number"]
    words = timed("oh b 4111 1111 1111 1111 b", 0, 1, 2, 3, 4, 5, 6)
    assert guard(words, bytes(112_000)).found == [Found("card", 0, 6)]


@pytest.fixture(scope="module")
def listen() -> Ears:
    return open_timed()


def say(text: str, voice: str) -> np.ndarray:
    """A voice of espeak-ng, without the silence around it."""
    command = ["espeak-ng", "-v", voice, "-s", "150", "--stdout", text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    sound, rate_hz = soundfile.read(io.BytesIO(wav), dtype="float32")
    sound = soxr.resample(sound, rate_hz, 16_000)
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return np.asarray(0.6 * 32_767 * sound[loud[0] : loud[-1] + 1], np.int16)


@needs_espeak
@pytest.mark.parametrize(
    ("voice", "number"),
    [
        ("en-us", "four one one one, two three four five, six seven eight nine, zero one two three"),
        ("en-us+f3", "five four one, seven one four, one three eight eight"),
        ("en-us+f2", "G B eight two W E S T one two three four five six nine eight seven six five four"),
    ],
)
def test_a_number_that_is_said_is_under_a_tone(listen: Ears, voice: str, number: str) -> None:
    before, said, after = (say(text, voice) for text in ("please write down", number, "and read it again"))
    sound = np.concatenate([before, said, after])
    guarded = guard(listen(sound.tobytes()), sound.tobytes())
    bleeped = np.frombuffer(guarded.sound, np.int16)
    touched = bleeped != sound
    number_in = slice(len(before), len(before) + len(said))
    loud = np.abs(sound[number_in].astype(int)) > LEVEL
    assert touched[number_in][loud].mean() >= 0.9
    assert len(bleeped) == len(sound)


@needs_espeak
def test_the_same_sound_is_heard_the_same_again(listen: Ears) -> None:
    """What is added to it is no chance: a bleep can be checked."""
    sound = say("my number is five four one, seven one four, one three eight eight", "en-gb+m4").tobytes()
    assert listen(sound) == listen(sound) != []


@needs_espeak
def test_speech_without_a_number_is_not_touched(listen: Ears) -> None:
    sound = say("I would like to hear some music in the kitchen please", "en-us").tobytes()
    assert guard(listen(sound), sound).sound == sound
