"""The one place that knows which TFLite interpreter is installed.

`ai-edge-litert`, unless the extra `tflite-runtime` is installed: installing it chooses it. Never two TFLite
libraries in one process: they export the same symbols, and the second one aborts it.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from device.errors import ModelError

_RUNTIMES = ("tflite_runtime", "ai_edge_litert")
_OTHERS = ("pymicro_wakeword", "pyopen_wakeword")  # each brings a library of its own


class Interpreter(Protocol):
    """What is used of a TFLite interpreter; both runtimes have it."""

    resize_tensor_input: Callable[[int, Sequence[int]], None]
    allocate_tensors: Callable[[], None]
    get_input_details: Callable[[], list[dict[str, Any]]]
    get_output_details: Callable[[], list[dict[str, Any]]]
    set_tensor: Callable[[int, npt.NDArray[Any]], None]
    invoke: Callable[[], None]
    get_tensor: Callable[[int], npt.NDArray[Any]]


def runtime_name() -> str:
    """Return the import name of the runtime that `open_interpreter` uses: `ai_edge_litert`, say."""
    for name in _RUNTIMES:
        if find_spec(name) is not None:
            return name
    raise ModelError("wake word: no TFLite interpreter is installed; pip install ai-edge-litert")


def open_interpreter(
    path: Path, model: bytes | None = None, shape: Sequence[int] | None = None
) -> Interpreter:
    """Return an interpreter of one thread, its tensors allocated and every streaming state at its start.

    `model` is what `path` was seen to hold when it was checked; when it is given, the file is not read again.
    `shape` is that of the first input, for a model that leaves it open.
    Raises ModelError: not a model, or no interpreter that works. Give it only what has the right SHA-256:
    tflite-runtime does not look whether a model is whole before it runs it.
    """
    source: dict[str, object] = {"model_path": str(path)} if model is None else {"model_content": model}
    make = _interpreter()
    try:
        interpreter = make(**source, num_threads=1)
        if shape is not None:
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path}: not a TFLite model ({reason}); restore the file") from error
    return interpreter


@cache
def _interpreter() -> Callable[..., Interpreter]:
    name = runtime_name()
    for other in (*_RUNTIMES, *_OTHERS):
        if other != name and other in sys.modules:
            raise ModelError(
                f"wake word: {other} is loaded, and {name} beside it would abort the process; "
                "run them in two processes"
            )
    if name == "tflite_runtime" and np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        raise ModelError(
            f"wake word: tflite-runtime needs NumPy 1, not {np.__version__}; pip install 'numpy<2'"
        )
    return cast(Callable[..., Interpreter], import_module(f"{name}.interpreter").Interpreter)
