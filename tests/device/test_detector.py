"""The detector: the right wake, once, at the right sample, and nothing kept that should be gone."""

import gc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from device.errors import ModelError
from device.wakeword import Detector, Model, Wake, find

WAKE = Path(__file__).parents[1] / "audio" / "wake"
WORDS = ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]
FRAME = 640
LONG = 10**9


def pcm_of(name: str) -> bytes:
    return bytes(soundfile.read(WAKE / f"{name}.flac", dtype="int16")[0].tobytes())


def detector(*words: str, refractory_samples: int = 32_000, **thresholds: float) -> Detector:
    return Detector([Model(find(word)) for word in words or ("alexa",)], refractory_samples, thresholds)


def cut(pcm: bytes, size: int = FRAME) -> Iterator[bytes]:
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def hear(ears: Detector, calls: Iterable[bytes], start: int = 0) -> list[Wake]:
    end, wakes = start, []
    for pcm in calls:
        end += len(pcm) // 2
        wake = ears.hear(pcm, end)
        if wake is not None:
            wakes.append(wake)
    return wakes


@pytest.mark.parametrize("word", WORDS)
def test_each_word_wakes_its_own_model_and_no_other(word: str) -> None:
    wakes = hear(detector(*WORDS), cut(pcm_of(word)))
    assert [wake.word for wake in wakes] == [word]
    assert wakes[0].score > find(word).cutoff
    assert wakes[0].model_sha256 == find(word).sha256


def test_speech_without_a_wake_word_wakes_nobody() -> None:
    assert hear(detector(*WORDS), cut(pcm_of("none"))) == []


def test_a_wake_says_up_to_which_sample_was_heard() -> None:
    """The scores at that sample are above the threshold, and 30 ms before they were not."""
    pcm = pcm_of("alexa")
    (wake,) = hear(detector(), cut(pcm))
    ears = detector(alexa=0.9, refractory_samples=0)
    ears.hear(pcm[: 2 * (wake.sample - 480)], wake.sample - 480)
    assert ears.score["alexa"] <= 0.9
    assert ears.hear(pcm[2 * (wake.sample - 480) : 2 * wake.sample], wake.sample) == wake
    assert ears.score == {"alexa": wake.score}


def test_sample_indices_go_on_from_wherever_the_stream_is() -> None:
    pcm = pcm_of("alexa")
    (wake,) = hear(detector(), cut(pcm))
    for start in (1, 10**6, 2**40):
        assert hear(detector(), cut(pcm), start) == [wake._replace(sample=wake.sample + start)]


@pytest.mark.parametrize("size", [320, 2, 74, 642, 958, 32_000, LONG])
def test_the_wake_does_not_depend_on_how_the_audio_is_cut(size: int) -> None:
    pcm = pcm_of("alexa")
    assert hear(detector(), cut(pcm, size)) == hear(detector(), cut(pcm))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=8))
def test_no_way_of_cutting_changes_the_wake(places: list[int]) -> None:
    pcm = pcm_of("alexa")
    cuts = [0, *sorted(min(2 * place, len(pcm)) for place in places), len(pcm)]
    assert hear(detector(), (pcm[a:b] for a, b in pairwise(cuts))) == hear(detector(), [pcm])


def test_words_that_share_a_front_end_score_as_each_would_alone() -> None:
    together, alone = detector(*WORDS), {word: detector(word) for word in WORDS}
    end = 0
    for pcm in cut(pcm_of("hey_jarvis")):
        end += len(pcm) // 2
        together.hear(pcm, end)
        for ears in alone.values():
            ears.hear(pcm, end)
        assert together.score == {word: ears.score[word] for word, ears in alone.items()}


def test_a_word_said_twice_in_the_refractory_period_wakes_once() -> None:
    once = pcm_of("alexa")
    twice = once + once
    first, second = hear(detector(refractory_samples=16_000), cut(twice))
    apart = second.sample - first.sample
    assert abs(apart - len(once) // 2) < 1_000
    assert hear(detector(refractory_samples=apart + 16_000), cut(twice)) == [first]
    assert hear(detector(refractory_samples=apart - 2_000), cut(twice)) == [first, second]


def test_the_refractory_period_ends_at_a_sample() -> None:
    """With a threshold of nought all that scores is a wake: as often as there are three rows."""
    pcm = pcm_of("alexa")
    assert [
        {b.sample - a.sample for a, b in pairwise(hear(detector(refractory_samples=n, alexa=0), cut(pcm)))}
        for n in (480, 481)
    ] == [{480}, {960}]


def test_a_second_word_is_heard_in_the_refractory_period_of_the_first() -> None:
    """Whoever wakes it by mistake must be able to say the stop word at once."""
    pcm = pcm_of("alexa") + pcm_of("okay_nabu")
    wakes = hear(detector("alexa", "okay_nabu", refractory_samples=LONG), cut(pcm))
    assert [wake.word for wake in wakes] == ["alexa", "okay_nabu"]


def test_a_threshold_outweighs_the_manifest() -> None:
    pcm = pcm_of("alexa")
    early, usual, late = (hear(detector(alexa=threshold), cut(pcm))[0] for threshold in (0.2, 0.9, 0.99))
    assert [usual] == hear(detector(), cut(pcm))
    assert early.sample < usual.sample < late.sample
    assert 0.2 < early.score < usual.score < late.score


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    pcm = pcm_of("alexa")
    (wake,) = hear(detector(alexa=0.7), cut(pcm))
    (above,) = hear(detector(alexa=wake.score), cut(pcm))
    assert above.score > wake.score


def test_a_threshold_for_a_word_that_is_not_listened_for_is_refused() -> None:
    with pytest.raises(ModelError, match="okay_nabu: not among alexa, hey_jarvis"):
        detector("alexa", "hey_jarvis", okay_nabu=0.5)


def middle_of(pcm: bytes) -> int:
    (wake,) = hear(detector(), cut(pcm))
    return 2 * (wake.sample - 6_400)


@pytest.mark.parametrize("forget", [Detector.forget, Detector.reset])
def test_a_word_that_was_half_heard_when_it_had_to_forget_does_not_wake(forget: object) -> None:
    assert callable(forget)
    pcm = pcm_of("alexa")
    half = middle_of(pcm)
    ears = detector()
    assert hear(ears, cut(pcm[:half])) == []
    assert len(hear(ears, cut(pcm[half:]), half // 2)) == 1, "without forgetting it wakes"
    ears = detector()
    hear(ears, cut(pcm[:half]))
    forget(ears)
    assert ears.score == {"alexa": 0.0}
    assert hear(ears, cut(pcm[half:]), half // 2) == []


def test_after_forgetting_every_score_is_that_of_a_fresh_detector() -> None:
    pcm = pcm_of("alexa")
    ears, fresh = detector(), detector()
    hear(ears, [pcm[: middle_of(pcm) + 2]])
    ears.forget()
    end = 0
    for frame in cut(pcm):
        end += len(frame) // 2
        assert ears.hear(frame, end) == fresh.hear(frame, end)
        assert ears.score == fresh.score


def test_forgetting_leaves_the_refractory_period_and_a_reset_ends_it() -> None:
    pcm = pcm_of("alexa")
    ears = detector(refractory_samples=LONG)
    (wake,) = hear(ears, cut(pcm))
    ears.forget()
    assert hear(ears, cut(pcm), len(pcm) // 2) == []
    ears.reset()
    assert hear(ears, cut(pcm)) == [wake]


def reachable(root: object) -> Iterator[object]:
    """Yield everything that `root` holds, itself included; classes, modules and functions hold no audio."""
    seen, todo = {id(root)}, [root]
    while todo:
        item = todo.pop()
        yield item
        for other in gc.get_referents(item):
            if id(other) not in seen and not isinstance(other, type | type(gc)) and not callable(other):
                seen.add(id(other))
                todo.append(other)


@pytest.mark.parametrize("size", [FRAME, 638, LONG])
def test_no_audio_is_kept_but_what_did_not_fill_a_step_of_10_ms(size: int) -> None:
    ears = detector()
    pcm = pcm_of("alexa")
    hear(ears, cut(pcm, size))
    held = [item for item in reachable(ears) if isinstance(item, bytes | bytearray | memoryview | np.ndarray)]
    model = find("alexa").model
    audio = [item for item in held if isinstance(item, bytes | bytearray) and item != model]
    features = [item for item in held if isinstance(item, memoryview | np.ndarray)]
    assert max(map(len, audio)) < 320
    assert sum(item.nbytes for item in features) < 8 * 960, "eight arrays of three rows of features"
    assert all(item.dtype == np.float64 for item in features if isinstance(item, np.ndarray))
