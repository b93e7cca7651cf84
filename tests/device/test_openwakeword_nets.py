"""openWakeWord's files: read where they are installed, only the right ones, and never imported."""

import shutil
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from device.errors import ModelError
from device.wakeword import find
from device.wakeword.openwakeword_nets import PACKAGED, Embeddings, OpenHead, packaged
from device.wakeword.runtime import open_interpreter
from tests.device.open_words import (
    LISTEN,
    MEAN_OF_EIGHT,
    MODELS,
    WITHOUT_THE_PACKAGE,
    by_path,
    head_of,
    needs_package,
    run,
)


@needs_package
@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_every_file_that_is_read_of_the_package_is_pinned(name: str) -> None:
    path, model = packaged(name)
    assert (path.parent, path.name) == (MODELS, f"{name}.tflite")
    assert sha256(model).hexdigest() == PACKAGED[name]


@needs_package
def test_a_model_can_be_opened_for_another_shape() -> None:
    path, model = packaged("embedding_model")
    interpreter = open_interpreter(path, model, (1, 196, 32, 1))
    assert interpreter.get_output_details()[0]["shape"].tolist() == [1, 16, 1, 96]
    with pytest.raises(ModelError, match=r"embedding_model\.tflite: not a TFLite model") as caught:
        open_interpreter(path, model, (1, 8, 32, 1))
    assert "\n" not in str(caught.value)


@needs_package
def test_sixteen_embeddings_at_once_are_those_one_by_one() -> None:
    power = np.random.default_rng(0).uniform(1, 1e6, (200, 32)).astype(np.float32)
    one = Embeddings(1)
    apart = np.concatenate([one(power[at : at + 80]) for at in range(0, 121, 8)])
    np.testing.assert_allclose(Embeddings(16)(power), apart, atol=1e-4)


def test_heads_of_one_to_sixteen_embeddings_are_taken_and_give_what_they_should(tmp_path: Path) -> None:
    embeddings = np.arange(16 * 96, dtype=np.float32).reshape(16, 96)
    for count in (1, 8, 16):
        assert OpenHead(tmp_path, head_of(count))(embeddings) == pytest.approx(embeddings[-count:].mean())


@needs_package
@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda: head_of(17), r"float32\[1, 17, 96\], float32\[1, 1\], not float32\[1, 1 to 16, 96\]"),
        (lambda: packaged("embedding_model")[1], r"float32\[1, 76, 32, 1\]"),
        (lambda: find("alexa").model, r"int8\[1, 3, 40\], uint8\[1, 1\]"),
        (lambda: b"TFL3, but no model", "not a TFLite model"),
        (lambda: b"", "not a TFLite model"),
    ],
    ids=["three seconds", "another network", "microWakeWord", "no model", "nothing"],
)
def test_a_model_that_is_no_head_is_refused(tmp_path: Path, model: Callable[[], bytes], named: str) -> None:
    with pytest.raises(ModelError, match=named) as caught:
        OpenHead(tmp_path / "computer.tflite", model())
    assert str(caught.value).startswith(f"{tmp_path}/computer.tflite: ")
    assert "\n" not in str(caught.value)


@needs_package
def test_the_package_is_read_and_never_imported(tmp_path: Path) -> None:
    path = by_path(tmp_path, "hey_jarvis")
    assert run(LISTEN, "alexa", path, "openwakeword") == "opened\nnot imported\n"
    assert "pyopen_wakeword" not in sys.modules


@pytest.mark.parametrize(("word", "second_ear"), [("alexa", "openwakeword"), ("computer.json", "own")])
def test_without_the_package_one_line_says_what_to_install_and_under_which_licence(
    tmp_path: Path, word: str, second_ear: str
) -> None:
    by_path(tmp_path, MEAN_OF_EIGHT)
    asked = tmp_path / word if word.endswith(".json") else word
    line, imported = run(WITHOUT_THE_PACKAGE + LISTEN, asked, second_ear).splitlines()
    assert "; run scripts/setup .venv openwakeword" in line
    assert "CC BY-NC-SA 4.0: not for commercial use" in line
    assert imported == "not imported"


def test_without_the_package_everything_else_works() -> None:
    for second_ear in ("own", "none"):
        assert run(WITHOUT_THE_PACKAGE + LISTEN, "alexa", "okay_nabu", second_ear).startswith("opened")


@needs_package
@pytest.mark.parametrize("name", ["alexa", "embedding_model"])
def test_a_file_of_the_package_that_was_tampered_with_is_refused(tmp_path: Path, name: str) -> None:
    models = tmp_path / "pyopen_wakeword" / "models"
    shutil.copytree(MODELS, models)
    (tmp_path / "pyopen_wakeword" / "__init__.py").touch()
    assert run(LISTEN, "alexa", "openwakeword", path=tmp_path).startswith("opened")
    model = bytearray((models / f"{name}.tflite").read_bytes())
    model[-1] ^= 1
    (models / f"{name}.tflite").write_bytes(model)
    assert f"{name}.tflite: its SHA-256 is" in run(LISTEN, "alexa", "openwakeword", path=tmp_path)


@needs_package
def test_a_package_without_its_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyopen_wakeword").mkdir()
    (tmp_path / "pyopen_wakeword" / "__init__.py").touch()
    assert "No such file or directory" in run(LISTEN, "alexa", "openwakeword", path=tmp_path)
