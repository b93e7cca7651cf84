"""A model runs only when it is the one that was meant."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from device.errors import ModelError
from device.wakeword.manifest import PACKAGED, find

ROOT = Path(__file__).parents[2]
CONTENT = b"as good a model as any, until it is opened"
SHA256 = sha256(CONTENT).hexdigest()
GOOD = {
    "type": "micro",
    "version": 2,
    "wake_word": "Hello House",
    "website": "https://example.org/",
    "model": "hello.tflite",
    "micro": {"probability_cutoff": 0.8, "sliding_window_size": 4, "feature_step_size": 10},
}


def write(folder: Path, **changes: object) -> Path:
    (folder / "hello.tflite").write_bytes(CONTENT)
    path = folder / "hello_house.json"
    path.write_text(json.dumps({key: value for key, value in (GOOD | changes).items() if value is not None}))
    return path


def assert_is_one_line_for_a_person(error: ModelError) -> None:
    text = str(error)
    assert error.exit_code == 3
    assert "\n" not in text
    assert ": " in text
    assert "; " in text
    assert not text.endswith(".")


@pytest.mark.parametrize(
    ("name", "phrase", "cutoff"),
    [
        ("alexa", "Alexa", 0.9),
        ("hey_jarvis", "Hey Jarvis", 0.97),
        ("hey_mycroft", "Hey Mycroft", 0.95),
        ("okay_nabu", "Okay Nabu", 0.85),
    ],
)
def test_the_packaged_words_are_found_by_name(name: str, phrase: str, cutoff: float) -> None:
    found = find(name)
    assert (found.word, found.phrase, found.cutoff, found.window) == (name, phrase, cutoff, 5)
    assert sha256(found.model).hexdigest() == found.sha256 == PACKAGED[name]
    assert found.path.read_bytes() == found.model


def test_a_packaged_word_asked_for_by_another_sha256_is_refused() -> None:
    with pytest.raises(ModelError, match="SHA-256"):
        find("alexa", sha256=SHA256)


def test_a_manifest_by_path_carries_the_sha256_of_its_model(tmp_path: Path) -> None:
    found = find(write(tmp_path, sha256=SHA256))
    assert (found.word, found.phrase, found.model) == ("hello_house", "Hello House", CONTENT)


def test_the_sha256_can_be_an_argument_and_outweighs_the_manifests(tmp_path: Path) -> None:
    assert find(str(write(tmp_path)), sha256=SHA256).model == CONTENT
    with pytest.raises(ModelError, match=f"not {'0' * 64}"):
        find(write(tmp_path, sha256=SHA256), sha256="0" * 64)


def test_a_manifest_by_path_without_a_sha256_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no SHA-256 for the model") as caught:
        find(write(tmp_path))
    assert_is_one_line_for_a_person(caught.value)


def test_one_changed_byte_of_a_model_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, sha256=SHA256)
    (tmp_path / "hello.tflite").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ModelError, match=f"not {SHA256}") as caught:
        find(path)
    assert_is_one_line_for_a_person(caught.value)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, sha256=SHA256)
    (tmp_path / "hello.tflite").unlink()
    with pytest.raises(ModelError, match=r"hello\.tflite: No such file") as caught:
        find(path)
    assert_is_one_line_for_a_person(caught.value)


def test_a_word_that_is_neither_a_name_nor_a_file_is_answered_with_the_names() -> None:
    with pytest.raises(ModelError, match="alexa, hey_jarvis, hey_mycroft, okay_nabu") as caught:
        find("alexxa")
    assert_is_one_line_for_a_person(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 1},
        {"type": "macro"},
        {"wake_word": None},
        {"model": None},
        {"model": ""},
        {"sha256": "beef"},
        {"micro": GOOD["micro"] | {"feature_step_size": 20}},
        {"micro": GOOD["micro"] | {"probability_cutoff": 1.5}},
        {"micro": GOOD["micro"] | {"sliding_window_size": 0}},
    ],
    ids=str,
)
def test_a_manifest_of_another_kind_is_refused(changes: dict[str, object], tmp_path: Path) -> None:
    path = write(tmp_path, **{"sha256": SHA256} | changes)
    with pytest.raises(ModelError, match="manifest, version 2") as caught:
        find(path)
    assert_is_one_line_for_a_person(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"\xff"', b"\x00" * 1000])
def test_what_is_not_json_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="manifest, version 2") as caught:
        find(path)
    assert_is_one_line_for_a_person(caught.value)


def test_a_folder_is_not_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make the manifest readable"):
        find(tmp_path)


FIND_ALEXA = """
import sys
from device.errors import ModelError
from device.wakeword import find
try:
    print(find("alexa").phrase)
except ModelError as error:
    print(error)
print("imported" if "pymicro_wakeword" in sys.modules else "not imported")
"""


def run(program: str, path: Path | None = None) -> str:
    """Run a program in a process of its own, with `path` before everything that is installed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(p) for p in (path, ROOT) if p)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_package_is_read_and_never_imported() -> None:
    assert run(FIND_ALEXA) == "Alexa\nnot imported\n"


def test_a_packaged_model_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    models = tmp_path / "pymicro_wakeword" / "models"
    shutil.copytree(find("alexa").path.parent, models)
    (tmp_path / "pymicro_wakeword" / "__init__.py").touch()
    assert run(FIND_ALEXA, tmp_path).startswith("Alexa")
    model = bytearray((models / "alexa.tflite").read_bytes())
    model[-1] ^= 1
    (models / "alexa.tflite").write_bytes(model)
    assert f"not {PACKAGED['alexa']}" in run(FIND_ALEXA, tmp_path)


def test_a_missing_package_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "pymicro_wakeword.py").touch()  # a module where the package should be
    assert "pip install pymicro-wakeword" in run(FIND_ALEXA, tmp_path)
