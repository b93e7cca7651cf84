"""The bands that openWakeWord's networks see: its numbers, however the sound arrives, and no sound kept."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.wakeword.melspectrogram import BANDS, GROUP_ROWS, Melspectrogram, bank, levels
from device.wakeword.runtime import open_interpreter
from tests.device.open_words import MODELS, WORDS, cut, needs_package, pcm_of, reachable

STEP, FILLS = 1280, 1760  # samples: openWakeWord's step, and what it looks at for the eight rows of one
EARLY = 2  # rows of ours that begin in the silence before the first sample


def rows_of(calls: Iterable[bytes]) -> np.ndarray:
    mel = Melspectrogram()
    return np.concatenate([mel.hear(pcm) for pcm in calls])


@needs_package
def test_the_bank_is_the_one_in_the_model() -> None:
    interpreter = open_interpreter(MODELS / "melspectrogram.tflite", shape=(1, FILLS))
    (theirs,) = [t["index"] for t in interpreter.get_tensor_details() if t["name"] == "Const_3"]
    assert bank().shape == (257, BANDS)
    np.testing.assert_allclose(bank(), interpreter.get_tensor(theirs), atol=1e-8)


@needs_package
@pytest.mark.parametrize("name", [*WORDS, "none"])
def test_the_levels_are_those_of_the_model(name: str) -> None:
    """Step by step, as it is always called: it cuts at 80 dB below the loudest of what it is given."""
    pcm = pcm_of(name)
    interpreter = open_interpreter(MODELS / "melspectrogram.tflite", shape=(1, FILLS))
    source, sink = (
        details[0]["index"] for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    theirs = []
    for at in range(0, len(samples) - FILLS, STEP):
        interpreter.set_tensor(source, samples[None, at : at + FILLS])
        interpreter.invoke()
        theirs.append(interpreter.get_tensor(sink).reshape(GROUP_ROWS, BANDS) / 10 + 2)
    ours = levels(rows_of([pcm])[EARLY:][: len(theirs) * GROUP_ROWS])
    np.testing.assert_allclose(ours, np.concatenate(theirs), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 16_000), max_size=12))
def test_no_way_of_cutting_changes_a_bit(places: list[int]) -> None:
    pcm = pcm_of("alexa")[:32_000]
    cuts = [0, *sorted(places), 16_000]
    assert rows_of(pcm[2 * a : 2 * b] for a, b in pairwise(cuts)).tobytes() == rows_of([pcm]).tobytes()


@pytest.mark.parametrize("size", [2, 318, 320, 640, 642, 2560])
def test_one_call_or_many_are_the_same_to_the_bit(size: int) -> None:
    pcm = pcm_of("hey_jarvis")
    assert rows_of(cut(pcm, size)).tobytes() == rows_of([pcm]).tobytes()


def test_a_row_comes_when_its_window_is_full_and_what_is_left_is_counted() -> None:
    mel = Melspectrogram()
    assert [len(mel.hear(bytes(2 * count))) for count in (135, 1, 159, 1, 320)] == [0, 1, 0, 1, 2]
    mel = Melspectrogram()
    for samples in (136, 100, 60, 161):
        mel.hear(bytes(2 * samples))
    assert mel.left == (136 + 100 + 60 + 161 - 136) % 160


def test_silence_is_as_quiet_as_it_gets_and_loudness_hides_what_is_80_db_below() -> None:
    silence = np.zeros((12, BANDS), np.float32)
    assert levels(silence) == pytest.approx(-8)
    loud = silence.copy()
    loud[9, 3] = 1e6  # in the second group: the first is not told
    assert levels(loud)[:8] == pytest.approx(-8)
    assert levels(loud)[9, 3] == pytest.approx(8)
    assert levels(loud)[8:].min() == pytest.approx(0)
    assert levels(loud)[:, 4:] == pytest.approx(np.repeat([[-8.0], [0.0]], [8, 4], axis=0) * np.ones(28))


@pytest.mark.parametrize(("size", "held"), [(640, 264), (2, 399), (638, 399), (10**9, 399)])
def test_no_sound_is_held_but_what_the_next_window_needs(size: int, held: int) -> None:
    mel, most = Melspectrogram(), 0
    for pcm in cut(pcm_of("alexa")[:40_000], size):
        mel.hear(pcm)
        parts = [item for item in reachable(mel) if isinstance(item, bytes | bytearray | np.ndarray)]
        assert [part.dtype for part in parts] == [np.int16], "one array of samples, and no other"
        assert parts[0].base is None, "a view would keep all that it is cut from"
        most = max(most, len(parts[0]))
    assert most <= held <= 400


def test_what_is_forgotten_is_wiped_and_then_as_if_nothing_had_been_heard() -> None:
    pcm = pcm_of("alexa")
    mel = Melspectrogram()
    mel.hear(pcm[:30_002])
    (held,) = [item for item in reachable(mel) if isinstance(item, np.ndarray)]
    assert held.any()
    mel.forget()
    assert not held.any(), "overwritten, not only let go"
    assert mel.hear(pcm).tobytes() == rows_of([pcm]).tobytes()
