"""The audit's second ear, written from what is published, hears what the firmware's does."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.wakeword.features import Features
from device.wakeword.verifier import Verifier, packaged
from lab.audit import second_opinion
from lab.audit.errors import NotGiven
from lab.audit.second_opinion import head_for, opinion

AUDIO = Path(__file__).resolve().parents[2] / "lab" / "scenarios" / "audio"


@pytest.mark.parametrize(
    ("word", "sound"), [("alexa", "alexa"), ("alexa", "near_word"), ("hey_jarvis", "hey_jarvis")]
)
def test_both_give_the_same_score(word: str, sound: str) -> None:
    head = packaged(word)
    assert head is not None
    theirs, ours, features = Verifier([head]), opinion(head_for(head.first_ear)), Features()
    rows = np.zeros((ours.rows, second_opinion.BANDS), np.float32)
    pcm, _ = soundfile.read(AUDIO / f"{sound}.flac", dtype="int16")
    scores = []
    for _ in features.hear(pcm.tobytes()):
        theirs.keep(features.rows)
        rows = np.concatenate([rows, features.rows[0].astype(np.float32)])[-ours.rows :]
        scores.append((theirs.score(word), ours(rows)))
    assert np.allclose(*zip(*scores, strict=True), atol=2e-3)
    assert (max(score for _, score in scores) > 0.9) is (sound != "near_word")


def test_for_another_model_there_is_no_opinion() -> None:
    with pytest.raises(NotGiven, match="0000"):
        head_for("0" * 64)
    head = head_for(packaged("alexa").first_ear)
    with pytest.raises(NotGiven, match="the network"):
        opinion(type(head)("1" * 64, head.first_ear, 16, 0.0, "", {}))
