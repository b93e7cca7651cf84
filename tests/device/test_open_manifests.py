"""Manifests of openWakeWord's format: what linux-voice-assistant takes, and what is refused in one line."""

from pathlib import Path

import pytest

from device.errors import ModelError
from device.wakeword import find, open_ears
from tests.device.open_words import MEAN_OF_EIGHT, by_path, head_of, needs_package


def refusal(path: Path) -> str:
    """The one line that a word is refused with."""
    with pytest.raises(ModelError) as caught:
        open_ears([str(path)])
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert "\n" not in message
    assert ": " in message
    assert "; " in message
    assert not message.endswith(".")
    return message


def test_where_a_manifest_names_no_cutoff_it_is_that_of_linux_voice_assistant(tmp_path: Path) -> None:
    found = find(by_path(tmp_path, MEAN_OF_EIGHT))
    assert (found.format, found.word, found.phrase) == ("openWakeWord", "computer", "Computer")
    assert (found.cutoff, found.window) == (0.7, 1)
    assert find("alexa").format == "microWakeWord"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"type": "openwakeword"}, "$.type"),
        ({"type": None}, "type"),
        ({"wake_word": None}, "wake_word"),
        ({"wake_word": ""}, "$.wake_word"),
        ({"model": None}, "model"),
        ({"sha256": "beef"}, "$.sha256"),
        ({"openWakeWord": {"probability_cutoff": 1.0}}, "probability_cutoff"),
        ({"openWakeWord": {"probability_cutoff": 0}}, "probability_cutoff"),
        ({"openWakeWord": {"probability_cutoff": "0.5"}}, "probability_cutoff"),
        ({"openWakeWord": {"trigger_level": 2}}, "trigger_level"),
        ({"openWakeWord": 0.5}, "$.openWakeWord"),
    ],
    ids=str,
)
def test_a_manifest_that_is_none_is_refused(changes: dict[str, object], named: str, tmp_path: Path) -> None:
    message = refusal(by_path(tmp_path, MEAN_OF_EIGHT, **changes))
    assert named in message
    assert message.endswith("or an openWakeWord manifest")


def test_a_manifest_without_a_sha256_and_a_model_of_another_are_refused(tmp_path: Path) -> None:
    path = by_path(tmp_path, MEAN_OF_EIGHT, sha256=None)
    assert "no SHA-256 for the model computer.tflite" in refusal(path)
    assert find(path, sha256=find(by_path(tmp_path, MEAN_OF_EIGHT)).sha256).model == MEAN_OF_EIGHT
    assert "its SHA-256 is" in refusal(by_path(tmp_path, MEAN_OF_EIGHT, sha256="0" * 64))
    by_path(tmp_path, MEAN_OF_EIGHT)
    (tmp_path / "computer.tflite").unlink()
    assert "computer.tflite: No such file" in refusal(path)


@needs_package
def test_a_model_that_is_no_head_is_refused_with_its_path(tmp_path: Path) -> None:
    assert refusal(by_path(tmp_path, b"no model")).startswith(
        f"{tmp_path}/computer.tflite: not a TFLite model"
    )
    assert "float32[1, 17, 96]" in refusal(by_path(tmp_path, head_of(17)))


def test_a_head_in_the_other_formats_manifest_is_refused(tmp_path: Path) -> None:
    micro = {"probability_cutoff": 0.8, "sliding_window_size": 5, "feature_step_size": 10}
    path = by_path(tmp_path, MEAN_OF_EIGHT, type="micro", version=2, micro=micro)
    assert "give a streaming microWakeWord model" in refusal(path)


@needs_package
def test_two_models_for_one_word_are_refused_and_one_named_twice_is_one(tmp_path: Path) -> None:
    path = by_path(tmp_path, "hey_jarvis", "alexa")
    with pytest.raises(ModelError, match=r"alexa\.tflite: a second model for alexa; rename its manifest"):
        open_ears(["alexa", str(path)])
    again = f"{tmp_path}/../{tmp_path.name}/{path.name}"
    assert list(open_ears([str(path), again]).score) == ["alexa"]
