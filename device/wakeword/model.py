"""A streaming microWakeWord model: features in, how sure it is out.

One invocation takes three rows of features (30 ms) and carries its state to the next, so it sees each row
once. A level is the model's own unsigned byte; sums of levels stay integers. Never sees audio.
"""

from collections import deque
from math import floor

import numpy as np
import numpy.typing as npt
from numpy import add, divide, minimum, rint

from device.errors import ModelError
from device.wakeword.features import BANDS, ROWS
from device.wakeword.manifest import Manifest
from device.wakeword.runtime import Interpreter, open_interpreter

_SHAPE = (1, ROWS, BANDS)
_TENSORS = ["int8[1, 3, 40]", "uint8[1, 1]"]
_INT8 = np.dtype(np.int8)
_HIGHEST = np.full(_SHAPE, 127.0)  # a feature is never negative, so only the upper end needs a stop


class Model:
    """One wake word's model and its state. For one stream of features; a second stream needs a second one."""

    def __init__(self, manifest: Manifest, window: int | None = None) -> None:
        """Open the model; its score is the mean of `window` levels, or of as many as the manifest says.

        Raises ModelError: it is not a streaming microWakeWord model.
        """
        self.word = manifest.word
        self.sha256 = manifest.sha256
        self.cutoff = manifest.cutoff
        self._manifest = manifest
        self._window = window or manifest.window
        self._scratch = np.zeros(_SHAPE)
        self.reset()

    @property
    def score(self) -> float:
        """The sliding mean of the latest probabilities, 0 to 1."""
        return (self.total / self._window - self._nought) * self._unit

    def hear(self, rows: npt.NDArray[np.float64]) -> int:
        """Take the next three rows, shape (1, 3, 40); return the sum of the window's levels.

        Raises nothing of its own.
        """
        scratch = self._scratch
        divide(rows, self._scale, scratch)
        add(scratch, self._zero, scratch)
        minimum(scratch, _HIGHEST, out=scratch)
        rint(scratch, scratch)
        self._set(self._input, scratch.astype(_INT8))
        self._invoke()
        level, levels = self._get(self._output).item(), self._levels
        self.total += level - levels[0]
        levels.append(level)
        return self.total

    def cut(self, threshold: float) -> int:
        """Return the sum of levels that a sliding mean above `threshold` exceeds.

        Raises ModelError: no sum could exceed it, or every sum does.
        """
        cut = floor((threshold / self._unit + self._nought) * self._window + 1e-6)
        if threshold < 0 or cut >= 255 * self._window:
            highest = (255 - self._nought) * self._unit
            raise ModelError(f"{self.word}: threshold {threshold:g} never decides; choose 0 to {highest:.3f}")
        return cut

    def reset(self) -> None:
        """Return to the state before the first row.

        In a new interpreter: `reset_all_variables()` leaves a state that a fresh one does not have.
        """
        interpreter = open_interpreter(self._manifest.path, self._manifest.model)
        self._bind(interpreter)
        self._scratch.fill(0)
        self._levels: deque[int] = deque([self._nought] * self._window, self._window)
        self.total = sum(self._levels)

    def _bind(self, interpreter: Interpreter) -> None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        tensors = [f"{np.dtype(t['dtype']).name}{t['shape'].tolist()}" for t in (*inputs, *outputs)]
        if tensors != _TENSORS:
            raise ModelError(
                f"{self._manifest.path}: takes and gives {', '.join(tensors)}, not {', '.join(_TENSORS)}; "
                "give a streaming microWakeWord model"
            )
        scale, zero = inputs[0]["quantization"]
        self._scale, self._zero = np.full(_SHAPE, scale), np.full(_SHAPE, float(zero))
        self._unit: float = outputs[0]["quantization"][0]
        self._nought: int = outputs[0]["quantization"][1]
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._set, self._get = interpreter.set_tensor, interpreter.get_tensor
        self._invoke = interpreter.invoke
