"""The model files of `pyopen-wakeword` in our own TFLite interpreter: `hear_openwakeword.py [lva] [batch]`.

The same scores as the package's (the benchmark checks it on a sample of the clips), for a fifth of the CPU:
an hour of sound is heard in the time in which the package hears minutes. The embedding is exactly
convolutional in time, so with `batch` it takes sixteen steps of 80 ms at once, with the same scores for a
third of the cost; without, a step a call, which is what always-on would cost. (The front end cuts at 80 dB
below the loudest of what it is given: it takes a step a call always.) The package is never imported: two
TFLite libraries in one process abort it.

A row is a sample index and the score there: the end of the block in which the package would have known. Like
the package, it begins with silence and lets its grid of 80 ms start 480 samples into the stream.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[3]))
from lva import BLOCK_SAMPLES, as_recorded
from serve import serve

from device.wakeword.runtime import runtime_name

Array = npt.NDArray[np.float32]

STEP, WINDOW = 1280, 1760  # samples: 80 ms a step, and what the front end sees of them
MELS_A_STEP, BANDS = 8, 32
ROWS = 76  # of mel bands, in one embedding
LATE = 4  # rows that an embedding leaves out: 80 is the first multiple of 8 that holds 76
EMBEDDINGS, VALUES = 16, 96  # in one score
SILENT_STEPS = 48  # of the package's 100: long before, its state no longer changes


class OpenWakeWord:
    """Scores of a stream, `steps` of 80 ms at a time."""

    def __init__(self, *, steps: int, lva: bool) -> None:
        self.block_samples = BLOCK_SAMPLES if lva else 320
        self._lva, self._steps = lva, steps
        self._mel = Net("melspectrogram", (1, WINDOW))
        self._embedding = Net("embedding_model", (1, ROWS + (steps - 1) * MELS_A_STEP, BANDS, 1))
        self._head = Net("alexa", (1, EMBEDDINGS, VALUES))
        self.reset()

    def reset(self) -> None:
        self._end = self._known = 0
        self._rest: Array = np.zeros(SILENT_STEPS * STEP, np.float32)
        self._mels: Array = np.zeros((0, BANDS), np.float32)
        self._embeddings: Array = np.zeros((0, VALUES), np.float32)
        self._at = -len(self._rest) + WINDOW  # the sample index up to which the next step has heard

    def hear(self, blocks: list[bytes]) -> list[list[float]]:
        heard: list[list[float]] = []
        for raw in blocks:
            block = as_recorded(raw) if self._lva else raw
            self._end += self.block_samples
            self._rest = np.concatenate([self._rest, np.frombuffer(block, "<i2").astype(np.float32)])
            while len(self._rest) >= WINDOW + (self._steps - 1) * STEP:
                heard += self._step(self._steps)
        if self._steps > 1:
            heard += self._flush()
        return heard

    def _flush(self) -> list[list[float]]:
        """The steps that are left of a batch: filled up, and what the filling gave thrown away."""
        left = max(0, (len(self._rest) - WINDOW) // STEP + 1)
        if not left:
            return []
        self._rest = np.concatenate([self._rest, np.zeros(self._steps * STEP, np.float32)])
        return self._step(left)  # the stream ends here: it goes on only after a reset

    def _step(self, count: int) -> list[list[float]]:
        starts = range(0, self._steps * STEP, STEP)
        mels = [self._mel.run(self._rest[None, at : at + WINDOW]).reshape(-1, BANDS) for at in starts]
        self._rest = self._rest[self._steps * STEP :]
        self._mels = np.concatenate([self._mels, *(each / np.float32(10) + np.float32(2) for each in mels)])
        rows = LATE + ROWS + (self._steps - 1) * MELS_A_STEP
        first, self._at = self._at, self._at + self._steps * STEP
        if len(self._mels) < rows:
            return []
        self._mels = self._mels[-rows:]
        fresh = self._embedding.run(self._mels[None, :-LATE, :, None]).reshape(-1, VALUES)
        self._embeddings = np.concatenate([self._embeddings, fresh])[-(EMBEDDINGS + self._steps - 1) :]
        return self._scores(first, count)

    def _scores(self, first: int, count: int) -> list[list[float]]:
        heard = []
        for step in range(count):
            after = self._steps - 1 - step
            window = self._embeddings[: len(self._embeddings) - after][-EMBEDDINGS:]
            at = first + step * STEP
            if len(window) == EMBEDDINGS and at > 0:
                known = -(-at // self.block_samples) * self.block_samples
                heard.append([known, round(float(self._head.run(window[None]).item()), 6)])
        return heard


class Net:
    """A model file of the package, for one shape of input."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        spec = find_spec("pyopen_wakeword")  # looked up, not imported
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit("bench_ears: pyopen-wakeword is not installed; pip install -e '.[openwakeword]'")
        path = Path(spec.submodule_search_locations[0], "models", f"{name}.tflite")
        make = import_module(f"{runtime_name()}.interpreter").Interpreter
        self._net = make(model_path=str(path), num_threads=1)
        self._source = self._net.get_input_details()[0]["index"]
        self._net.resize_tensor_input(self._source, shape)
        self._net.allocate_tensors()
        self._sink = self._net.get_output_details()[0]["index"]

    def run(self, values: Array) -> Array:
        self._net.set_tensor(self._source, values)
        self._net.invoke()
        result: Array = self._net.get_tensor(self._sink)
        return result


if __name__ == "__main__":
    serve(OpenWakeWord(steps=16 if "batch" in sys.argv[1:] else 1, lva="lva" in sys.argv[1:]))
