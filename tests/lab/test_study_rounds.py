"""A round is the same each time it is asked for, and differs from others by no more than it says."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from lab.study.rounds import LEAD_SAMPLES, Round

PCM = (8000 * np.sin(np.arange(40_000) / 20)).astype("<i2").tobytes()


def played(number: int, file: str, *cuts: int) -> bytes:
    return b"".join(Round(number, file).play(_cut(*cuts)))


def _cut(*cuts: int) -> Iterator[bytes]:
    edges = [0, *cuts, len(PCM)]
    yield from (PCM[first:end] for first, end in pairwise(edges))


def samples(pcm: bytes) -> npt.NDArray[np.int16]:
    return np.frombuffer(pcm, "<i2")


def test_round_0_is_the_file_as_it_is() -> None:
    first = Round(0, "a.wav")
    assert played(0, "a.wav", 2000) == PCM
    assert (first.lead_samples, first.gain_db) == (0, 0.0)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_a_round_is_the_same_again_however_the_file_is_cut(number: int) -> None:
    again = played(number, "b/a.wav", 2, 640, 10_000, 10_002)
    assert again == played(number, "b/a.wav")
    assert len(again) == len(PCM) + 2 * Round(number, "b/a.wav").lead_samples


def test_rounds_and_files_differ() -> None:
    heard = {played(number, file) for number in range(4) for file in ("a.wav", "b.wav")}
    assert len(heard) == 4 * 2 - 1  # round 0 is as it is


def test_rounds_stay_within_their_limits() -> None:
    rounds = [Round(number, f"{file}.wav") for number in range(1, 40) for file in range(10)]
    leads = [each.lead_samples for each in rounds]
    gains = [each.gain_db for each in rounds]
    assert 0 <= min(leads) < 30
    assert LEAD_SAMPLES - 30 < max(leads) < LEAD_SAMPLES == 79 * 16 + 1
    assert -3 <= min(gains) < -2.9
    assert 2.9 < max(gains) <= 3


def test_what_is_added_is_a_gain_and_noise_of_three_steps() -> None:
    for number in range(1, 5):
        each = Round(number, "a.wav")
        heard = samples(b"".join(each.play([PCM]))).astype(float)
        clean = samples(PCM) * 10 ** (each.gain_db / 20)
        noise = heard - np.concatenate([np.zeros(each.lead_samples), clean])
        assert noise.std() == pytest.approx(3, rel=0.03)
        assert abs(noise.mean()) < 0.1


def test_too_loud_is_cut_off_and_does_not_wrap_around() -> None:
    loud = np.full(1000, 32767, "<i2").tobytes()
    for number in range(1, 9):
        each = Round(number, "loud.wav")
        heard = samples(b"".join(each.play([loud])))[each.lead_samples :]
        assert heard.min() > 20_000
