"""Whether a frame is speech: committed recordings against what cannot be speech."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.vad import Vad
from hardware.board import FRAME_BYTES

ROOT = Path(__file__).parents[2]
LEVELS = (0, 1, 2, 3)


def heard_as_speech(pcm: bytes, level: int) -> float:
    """The share of frames that are speech."""
    vad = Vad(level)
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]
    return sum(vad.is_speech(frame) for frame in frames) / len(frames)


def recording(name: str) -> bytes:
    samples, rate_hz = soundfile.read(ROOT / "lab/scenarios/audio" / f"{name}.flac", dtype="int16")
    assert rate_hz == 16_000
    pcm: bytes = samples.tobytes()
    return pcm


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["time", "timer", "weather", "play"])
def test_a_spoken_question_is_mostly_speech(name: str, level: int) -> None:
    assert heard_as_speech(recording(name), level) > 0.5


@pytest.mark.parametrize("level", LEVELS)
def test_silence_is_not_speech(level: int) -> None:
    assert heard_as_speech(bytes(FRAME_BYTES * 50), level) == 0


def test_a_quiet_hiss_is_not_speech() -> None:
    hiss = np.random.default_rng(1).normal(0, 20, 16_000).astype("<i2").tobytes()
    assert heard_as_speech(hiss, 2) < 0.1


def test_a_higher_level_takes_no_more_for_speech() -> None:
    shares = [heard_as_speech(recording("kitchen"), level) for level in LEVELS]
    assert shares == sorted(shares, reverse=True)


def test_a_frame_of_another_length_is_refused() -> None:
    with pytest.raises(Exception, match="processing frame"):
        Vad(2).is_speech(bytes(FRAME_BYTES - 2))
