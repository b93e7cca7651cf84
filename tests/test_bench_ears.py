"""The arithmetic of tests/benchmarks/bench_ears.py: what is counted there must be counted right."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
from ears.commands import onset
from ears.engines import Folds
from ears.results import times
from ears.wakes import Woken, as_good, false_wakes, lost_ms, tuned, wakes
from ears.word_end import lasting, word_end

HZ = 16_000
STREAMS = st.lists(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])), max_size=12),
    min_size=1,
    max_size=4,
)


def scores(*rows: tuple[float, float]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 2)


def test_a_wake_is_a_score_above_the_threshold_not_one_at_it() -> None:
    assert wakes(scores((100, 0.5), (200, 0.51)), 0.5) == [Woken(200, 200)]


def test_there_is_no_second_wake_within_the_refractory_period_and_one_at_its_end() -> None:
    stream = scores((1_000, 0.9), (20_000, 0.9), (32_999, 0.9), (33_000, 0.9), (64_999, 0.9))
    assert [wake.trigger for wake in wakes(stream, 0.5)] == [1_000, 33_000]


def test_the_refractory_period_ends_with_the_stream() -> None:
    assert false_wakes([scores((31_000, 0.9)), scores((100, 0.9)), scores()], 0.5) == 2


def test_the_tuned_threshold_is_the_lowest_that_allows_no_more() -> None:
    streams = [scores((100, 0.3), (50_000, 0.7)), scores((100, 0.9), (200, 0.95)), scores((100, 0.005))]
    assert [tuned(streams, allowed) for allowed in range(5)] == [0.95, 0.7, 0.3, 0.005, 0.0]
    assert [false_wakes(streams, tuned(streams, allowed)) for allowed in range(5)] == [0, 1, 2, 3, 4]


@given(STREAMS, st.integers(0, 5))
def test_no_lower_score_would_do_as_the_tuned_threshold(drawn: list, allowed: int) -> None:
    streams = [
        scores(*zip(np.cumsum([gap * 1_000 for gap, _ in rows]), [score for _, score in rows], strict=True))
        for rows in drawn
    ]
    threshold = tuned(streams, allowed)
    assert false_wakes(streams, threshold) <= allowed
    for lower in np.unique(np.concatenate([[0.0], *(stream[:, 1] for stream in streams)])):
        assert lower >= threshold or false_wakes(streams, lower) > allowed


def test_what_was_spoken_before_the_trigger_is_lost() -> None:
    assert [lost_ms(trigger, 16_000) for trigger in (15_000, 16_000, 16_320)] == [0, 0, 20]


def test_nothing_missed_by_either_is_no_column_lost() -> None:
    assert [as_good(ours, theirs) for ours, theirs in ((0, 0), (1, 1), (1, 0), (1, 2), (0, 1))] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert [times(3, 2), times(0, 0), times(1, 0)] == [1.5, 0, np.inf]


def word(*, vowel: float = 8_000.0) -> np.ndarray:
    """After half a second: 300 ms of a voice, 100 ms of nothing, 150 ms of hiss, 200 ms of a voice."""
    chance, at = np.random.default_rng(1), np.arange(3 * HZ // 10)
    voice = vowel * sum(np.sin(2 * np.pi * hz * at / HZ) for hz in (160, 480, 800, 1_600)) / 4
    hiss = np.diff(chance.standard_normal(15 * HZ // 100 + 1)) * vowel / 12
    return np.concatenate([np.zeros(HZ // 2), voice, np.zeros(HZ // 10), hiss, voice[: HZ // 5]])


def clip(*parts: np.ndarray) -> np.ndarray:
    whole = np.concatenate(parts)
    return np.rint(whole + 5 * np.random.default_rng(2).standard_normal(len(whole))).astype(np.int16)


END = HZ * (500 + 300 + 100 + 150 + 200) // 1000
NEAR = HZ * 25 // 1000


def test_a_word_ends_with_its_last_vowel() -> None:
    assert word_end(clip(word(), np.zeros(HZ))) == pytest.approx(END, abs=NEAR)
    assert word_end(clip(word(vowel=600), np.zeros(HZ))) == pytest.approx(END, abs=NEAR)


def test_a_click_after_the_word_is_not_its_end() -> None:
    rest = np.zeros(HZ)
    rest[HZ // 10 : HZ // 10 + 160] = 20_000.0 * (-1.0) ** np.arange(160)
    assert word_end(clip(word(), rest)) == pytest.approx(END, abs=NEAR)


def test_hum_and_breath_after_the_word_are_not_its_end() -> None:
    at = np.arange(HZ)
    hum = 1_500 * np.sin(2 * np.pi * 60 * at / HZ)
    breath = 400 * np.random.default_rng(3).standard_normal(HZ) * (at > HZ // 2)
    assert word_end(clip(word(), hum + breath)) == pytest.approx(END, abs=NEAR)


def test_a_clip_without_sound_or_shorter_than_a_window_has_some_end() -> None:
    assert word_end(np.zeros(HZ, np.int16)) == HZ // 2
    assert word_end(np.ones(10, np.int16)) == 5


def test_sound_that_does_not_last_is_none() -> None:
    on = np.array([True, True, False, True, True, True, False, True])
    assert lasting(on, 3).tolist() == [False, False, False, True, True, True, False, False]
    assert lasting(np.ones(4, bool), 4).all()


def test_a_command_begins_with_its_first_sound() -> None:
    sound = np.zeros(HZ, np.float32)
    sound[3_200:8_000] = 1_000
    sound[:3_200] = 10  # 40 dB below
    assert onset(sound) == 3_200


def test_folds_are_read_by_file(tmp_path: Path) -> None:
    (tmp_path / "folds.csv").write_text("file,fold\nneg_word/0001.flac,2\n")
    assert Folds.read(tmp_path).arguments("neg_word/0001.flac") == ("--fold", str(tmp_path), "2")
