"""Words in openWakeWord's format, always on: the right wake, once, beside the words of the other."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from device.wakeword import Ears, Opinion, Wake, find, open_ears
from device.wakeword.always_on import AlwaysOn
from device.wakeword.beside import Beside
from tests.device.house import House
from tests.device.open_words import by_path, cut, needs_package, pcm_of, reachable

LONG = 10**9
STEP_SAMPLES = 1280


def ear(path: Path, refractory_samples: int = 32_000) -> AlwaysOn:
    return AlwaysOn([find(path)], refractory_samples)


def wakes(heard_by: AlwaysOn | Ears, pcm: bytes, size: int = 640, start: int = 0) -> list[Wake]:
    end, found = start, []
    for call in cut(pcm, size):
        end += len(call) // 2
        said = heard_by.hear(call, end)
        if isinstance(said, Wake):
            found.append(said)
    return found


# What is heard


@needs_package
def test_a_model_by_path_wakes_at_its_word_and_stands(tmp_path: Path) -> None:
    path = by_path(tmp_path, "alexa", openWakeWord={"probability_cutoff": 0.9})
    ears = open_ears([str(path)])
    assert (ears.threshold, ears.thresholds) == ({"computer": 0.9}, {})
    (wake,) = wakes(ears, pcm_of("alexa"))
    assert (wake.word, wake.stands, wake.model_sha256) == ("computer", True, find(path).sha256)
    assert wake.score > 0.9
    assert wake.score == max(wake.score, *ears.score.values())


@needs_package
def test_speech_without_the_word_wakes_nobody(tmp_path: Path) -> None:
    assert wakes(ear(by_path(tmp_path, "hey_jarvis")), pcm_of("none", "alexa")) == []


@needs_package
def test_words_of_both_formats_are_heard_at_once_each_by_its_own_ears(tmp_path: Path) -> None:
    path = by_path(tmp_path, "hey_jarvis", openWakeWord={"probability_cutoff": 0.5})
    ears = open_ears(["alexa", str(path), "okay_nabu"], second_ear="none", refractory_samples=0)
    assert list(ears.score) == list(ears.threshold) == ["alexa", "okay_nabu", "computer"]
    heard = [wake.word for wake in wakes(ears, pcm_of("alexa", "hey_jarvis", "okay_nabu"))]
    assert list(dict.fromkeys(heard)) == ["alexa", "computer", "okay_nabu"]


@needs_package
def test_beside_it_a_word_of_the_other_format_keeps_its_second_ear(tmp_path: Path) -> None:
    path = by_path(tmp_path, "hey_jarvis", openWakeWord={"probability_cutoff": 0.5})
    for second_ear in ("own", "openwakeword"):
        ears = open_ears(["alexa", str(path)], second_ear=second_ear)
        alone = open_ears(["alexa"], second_ear=second_ear)
        pcm = pcm_of("alexa")
        said, said_alone = (
            [each.hear(frame, end * 320) for end, frame in enumerate(cut(pcm), 1)] for each in (ears, alone)
        )
        assert said == said_alone
        assert [each.accepted for each in said if isinstance(each, Opinion)] == [True]


@needs_package
def test_several_words_share_what_they_hear_and_score_as_each_would_alone(tmp_path: Path) -> None:
    paths = [by_path(tmp_path, word, f"my_{word}") for word in ("alexa", "hey_jarvis")]
    together, alone = AlwaysOn([find(path) for path in paths], 0), [ear(path, 0) for path in paths]
    for end, frame in enumerate(cut(pcm_of("hey_jarvis")), 1):
        together.hear(frame, end * 320)
        for each in alone:
            each.hear(frame, end * 320)
    assert together.score == alone[0].score | alone[1].score


@needs_package
@pytest.mark.parametrize("size", [2, 642, 2560, 32_000, LONG])
def test_the_wake_does_not_depend_on_how_the_audio_is_cut(tmp_path: Path, size: int) -> None:
    path, pcm = by_path(tmp_path, "alexa"), pcm_of("alexa")
    assert wakes(ear(path), pcm, size) == wakes(ear(path), pcm) != []


@needs_package
def test_a_wake_says_up_to_which_sample_was_heard_and_indices_go_on_from_anywhere(tmp_path: Path) -> None:
    path, pcm = by_path(tmp_path, "alexa"), pcm_of("alexa")
    (wake,) = wakes(ear(path), pcm)
    just, short = ear(path), ear(path)
    assert wakes(just, pcm[: 2 * wake.sample], LONG) == [wake]
    assert wakes(short, pcm[: 2 * wake.sample - 2], LONG) == []
    for start in (1, 2**40):
        assert wakes(ear(path), pcm, start=start) == [wake._replace(sample=wake.sample + start)]


@needs_package
def test_the_refractory_period_ends_at_a_sample_and_is_each_words_own(tmp_path: Path) -> None:
    """A cutoff that silence exceeds: then every step is a wake."""
    paths = [by_path(tmp_path, "alexa", name, openWakeWord={"probability_cutoff": 1e-9}) for name in "ab"]
    pcm = bytes(2 * 20_000)
    for refractory, apart in ((STEP_SAMPLES, STEP_SAMPLES), (STEP_SAMPLES + 1, 2 * STEP_SAMPLES)):
        found = wakes(ear(paths[0], refractory), pcm)
        assert {b.sample - a.sample for a, b in pairwise(found)} == {apart}
    both = wakes(AlwaysOn([find(path) for path in paths], LONG), pcm)
    assert [(wake.word, wake.sample) for wake in both] == [
        ("a", both[0].sample),
        ("b", both[0].sample + STEP_SAMPLES),
    ]


@needs_package
def test_forgetting_leaves_the_refractory_period_and_a_reset_ends_it(tmp_path: Path) -> None:
    ears, pcm = ear(by_path(tmp_path, "alexa"), LONG), pcm_of("alexa")
    (wake,) = wakes(ears, pcm)
    ears.forget()
    assert wakes(ears, pcm, start=len(pcm) // 2) == []
    ears.reset()
    assert wakes(ears, pcm) == [wake]


@needs_package
def test_a_stop_word_may_have_either_format(tmp_path: Path) -> None:
    path = by_path(tmp_path, "hey_jarvis", "halt", openWakeWord={"probability_cutoff": 0.5})
    ears = open_ears(["alexa"], stop=str(path))
    assert list(ears.threshold) == ["alexa", "halt"]
    assert [wake.word for wake in wakes(ears, pcm_of("hey_jarvis"))] == ["halt"]


@needs_package
def test_the_speaker_is_woken_by_a_word_in_openwakewords_format(tmp_path: Path) -> None:
    by_path(tmp_path, "alexa")
    house = House(tmp_path, 5, 'wakeword.words = ["computer.json"]\n', noise_floor=30)
    house.say("wake/alexa", 0.5)
    house.run()
    assert len(house.of("trigger")) == 1
    assert house.of("verified") == [], "nobody was asked"


def test_of_a_proposal_and_a_wake_in_one_frame_the_wake_is_told() -> None:
    class Says:
        def __init__(self, wake: Wake | None) -> None:
            self.wake = wake

        def hear(self, _: bytes, end: int) -> Wake | None:
            return self.wake and self.wake._replace(sample=end)

        accept = hush = None

    stands, other, proposed = (Wake(word, 0.9, 7, "", word != "c") for word in "abc")
    table: list[tuple[Wake | None, Wake | None, Wake | None]] = [
        (None, None, None), (None, other, other), (proposed, None, proposed), (proposed, other, other),
        (stands, other, stands), (stands, None, stands),
    ]  # fmt: skip
    for first, always_on, told in table:
        both = Beside(Says(first), None, Says(always_on))
        assert both.hear(b"", 7) == told


# What is kept


@needs_package
def test_no_sound_is_held_but_what_the_next_window_needs_and_two_seconds_of_the_rest(tmp_path: Path) -> None:
    ears = ear(by_path(tmp_path, "alexa"))
    for end, frame in enumerate(cut(pcm_of("alexa")[:72_960]), 1):
        ears.hear(frame, end * 320)
        held = [item for item in reachable(ears) if isinstance(item, bytes | bytearray | np.ndarray)]
        sound = [item for item in held if not isinstance(item, np.ndarray) or item.dtype == np.int16]
        assert [len(item) for item in sound] == [264], "16.5 ms of samples, and no bytes"
    rows = [item for item in held if isinstance(item, np.ndarray) and item.dtype == np.float32]
    assert sorted(item.shape for item in rows if len(item) > 1) == [(16, 96), (len(ears._rows), 32)]
    assert len(ears._rows) < 80
    assert ears._rows.base is None, "a view would keep all that it is cut from"


@needs_package
def test_what_is_forgotten_is_wiped_and_it_then_hears_as_if_for_the_first_time(tmp_path: Path) -> None:
    path, pcm = by_path(tmp_path, "alexa"), pcm_of("alexa")
    ears, fresh = ear(path), ear(path)
    wakes(ears, pcm[: 2 * 36_500])
    rows, tail = ears._rows, ears._mel._tail
    assert ears.score["computer"] > 0.5
    ears.forget()
    assert not rows.any()
    assert not tail.any()
    assert ears.score == {"computer": 0.0}
    assert np.array_equal(ears._embeddings, fresh._embeddings)
    inputs = [each._embed._net._get(each._embed._net._input) for each in (ears, fresh)]
    assert np.array_equal(*inputs), "the network has heard silence since"
    for end, frame in enumerate(cut(pcm), 1):
        assert ears.hear(frame, LONG + end * 320) is None or end * 320 > 30_000
        fresh.hear(frame, end * 320)
        assert ears.score == fresh.score
