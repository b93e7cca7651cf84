"""One TFLite interpreter in a process, and a model that is what it says."""

import os
import subprocess
import sys
from base64 import b64decode
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from zlib import decompress

import numpy as np
import pytest

from device.errors import ModelError
from device.wakeword import Model, find
from device.wakeword.runtime import open_interpreter, runtime_name

ROOT = Path(__file__).parents[2]
RESHAPE_INT8_1_4_40 = decompress(
    b64decode(  # the smallest model that is one: a single RESHAPE
        "eNrjYGBgCHHzMT72//9/ESBbAYhVgFiHkYGBGUgDKQYOIGYBQwQAiYuAWXwMEkCWAAMPUB0LkAcRlwDiAiAuAeIKqPp0NH1iQBKkjxuq"
        "TwJitKAGyH4wkw1sJhvYfoR7QGwNKBuGGbDwmYDYBqr+BtB/PBBhTh6oWfmlJRhm8kBdBBLhAfMRekDmZeZhd4cAWC1EJ0yvGESvGAD5"
        "DxDY"
    )
)


def test_an_installed_extra_is_the_one_that_is_used() -> None:
    extra = find_spec("tflite_runtime") is not None
    assert runtime_name() == ("tflite_runtime" if extra else "ai_edge_litert")


def test_a_model_opens_from_its_file_as_from_its_bytes() -> None:
    alexa = find("alexa")
    for interpreter in (open_interpreter(alexa.path), open_interpreter(Path("no/such/file"), alexa.model)):
        assert interpreter.get_input_details()[0]["shape"].tolist() == [1, 3, 40]
        interpreter.invoke()


def test_the_bytes_that_were_checked_are_the_bytes_that_run(tmp_path: Path) -> None:
    moved = replace(find("alexa"), path=tmp_path / "replaced-after-the-check.tflite")
    moved.path.write_bytes(b"something else")
    Model(moved).reset()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 60_000])
def test_what_is_not_a_model_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    for model in (None, content):
        with pytest.raises(ModelError, match="not a TFLite model") as caught:
            open_interpreter(path, model)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.tflite: not a TFLite model"):
        open_interpreter(tmp_path / "nowhere.tflite")


def test_a_model_of_another_shape_is_refused() -> None:
    wrong = replace(find("alexa"), model=RESHAPE_INT8_1_4_40)
    assert open_interpreter(wrong.path, wrong.model).get_input_details()[0]["dtype"] is np.int8
    with pytest.raises(ModelError, match=r"int8\[1, 4, 40\].*not int8\[1, 3, 40\]") as caught:
        Model(wrong)
    assert caught.value.exit_code == 3


OPEN_ALEXA = """
import {first}
from device.errors import ModelError
from device.wakeword import Model, find
try:
    Model(find("alexa"))
    print("opened")
except ModelError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("first", "answer"),
    [("json", "opened"), ("pymicro_wakeword", "two processes"), ("pyopen_wakeword", "two processes")],
)
def test_a_second_tflite_library_is_refused_before_it_can_abort_the_process(
    first: str, answer: str, tmp_path: Path
) -> None:
    (tmp_path / "pyopen_wakeword.py").touch()  # a stand-in: it is not among our requirements
    done = subprocess.run(
        [sys.executable, "-c", OPEN_ALEXA.format(first=first)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer in done.stdout
