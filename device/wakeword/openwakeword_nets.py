"""openWakeWord's networks, opened in our interpreter: rows into embeddings, embeddings into a score.

The embedding network is convolutional in time: of 196 rows at once it makes the very embeddings that it makes
of 76 rows sixteen times. Its file and four heads come with `pyopen-wakeword`, which is read and never
imported. Never sees sound.
"""

from pathlib import Path

import numpy as np

from device.errors import ModelError
from device.wakeword.files import models_of, read_model
from device.wakeword.melspectrogram import BANDS, GROUP_ROWS, Floats, levels
from device.wakeword.runtime import open_interpreter

PACKAGED = {
    "alexa": "7333a317a790070a7f3432b81d9439c779481cc4ebd67c73da7174ea3cf48397",
    "embedding_model": "c0aea21eb84a4ce90a08c870da41b7a7173b45269e6a3207c71d67c40f3a59d8",
    "hey_jarvis": "14bff778604985e1b5c19f0f7bbe477a69cf281d8db34b232b3b972411f710e2",
    "hey_mycroft": "bf9e43136afd3ca323698820a6e32a47f885ef4c30a3b8b577ec71688a9d64d8",
    "okay_nabu": "2982cecde4ee81cc7a2573d2602a7d54f0669425c94a7b64af77e0ff92b03a18",
}
"""What is read of the package, and the SHA-256 of each file (pyopen-wakeword 1.1.0)."""

SIZE = 96
MOST = 16
"""Embeddings that a head may take: two seconds, and a wake word remembers no more than that."""
_REACH_ROWS = 76  # what one embedding is made of; the next is made of what lies GROUP_ROWS later


class Net:
    """A network that takes one array of float32 and gives one."""

    def __init__(self, path: Path, model: bytes, shape: tuple[int, ...] | None = None) -> None:
        """Raises ModelError: it is no TFLite model, or doesn't take `shape`."""
        interpreter = open_interpreter(path, model, shape)
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        tensors = [f"{np.dtype(t['dtype']).name}{t['shape'].tolist()}" for t in (*inputs, *outputs)]
        self.tensors = ", ".join(tensors)
        self._shape = inputs[0]["shape"]
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._set, self._get = interpreter.set_tensor, interpreter.get_tensor
        self._invoke = interpreter.invoke

    def __call__(self, values: Floats) -> Floats:
        """Return what it makes of as many values as it takes, in whatever shape they are."""
        self._set(self._input, values.reshape(self._shape))
        self._invoke()
        found: Floats = self._get(self._output)
        return found


class Embeddings:
    """The embedding network, for `count` embeddings at a time."""

    def __init__(self, count: int) -> None:
        """Raises ModelError: the package is missing, or its network is another one."""
        self._rows = _REACH_ROWS + GROUP_ROWS * (count - 1)
        self._net = Net(*packaged("embedding_model"), (1, self._rows, BANDS, 1))
        self.rows = -(-self._rows // GROUP_ROWS) * GROUP_ROWS
        """How many rows it is given: in whole groups, so that each is known to its end."""
        self.silence = self(np.zeros((self.rows, BANDS), np.float32))

    def __call__(self, power: Floats) -> Floats:
        """Return the embeddings, shape (count, SIZE), of power of shape (rows, BANDS), oldest first."""
        return self._net(levels(power)[: self._rows]).reshape(-1, SIZE)

    def forget(self) -> None:
        """Wipe what the network holds of the rows it was given last: let it hear silence."""
        self(np.zeros((self.rows, BANDS), np.float32))


_HEADS = {f"float32[1, {count}, {SIZE}], float32[1, 1]": count for count in range(1, MOST + 1)}


class OpenHead:
    """How much some embeddings sound like a word."""

    def __init__(self, path: Path, model: bytes) -> None:
        """Raises ModelError: it is no openWakeWord head, or one that remembers too long."""
        self._net = Net(path, model)
        count = _HEADS.get(self._net.tensors)
        if count is None:
            raise ModelError(
                f"{path}: takes and gives {self._net.tensors}, not float32[1, 1 to {MOST}, {SIZE}], "
                "float32[1, 1]; give an openWakeWord head that hears two seconds at most"
            )
        self._count = count

    def __call__(self, embeddings: Floats) -> float:
        """Return what the last of these embeddings, shape (MOST, SIZE), sound like the word, 0 to 1."""
        return float(self._net(embeddings[-self._count :]).item())


def packaged(name: str) -> tuple[Path, bytes]:
    """Return a file of the package and what it holds. Raises ModelError: not installed, or another one."""
    folder = models_of("pyopen_wakeword")
    if folder is None:
        raise ModelError(
            "wake word: openWakeWord's networks are not installed; run scripts/setup .venv openwakeword "
            "(their weights are CC BY-NC-SA 4.0: not for commercial use)"
        )
    path = folder / f"{name}.tflite"
    return path, read_model(path, PACKAGED[name])
