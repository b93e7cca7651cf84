"""Speech features into embeddings: the small network that the second ear stands on.

A causal convolution over time, in NumPy: it runs only when the first ear has proposed, so it needs no
interpreter and no state. Its weights are a file of ours (see `heads/README.md` for where they come from).
Never sees audio, keeps nothing between calls.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from device.errors import ModelError

Floats = npt.NDArray[np.float32]

BANDS, SIZE = 40, 96
REACH_ROWS = 68
"""How many rows of features (10 ms each) one embedding is made of."""
STRIDE_ROWS = 2
SPACING_ROWS = 8
"""Rows between two embeddings that a head takes: 80 ms."""
FULL_SCALE = 26.0
"""What int8 can hold of a feature in the first ear's models; the network's rows are divided by it."""

_DILATIONS = (1, 2, 4, 8)
_LAYERS = ("in", "half", *(f"wide{d}" for d in _DILATIONS), "out")


class Embedding:
    """The network. `Embedding(weights)` takes the bytes of an .npz file that was checked by its SHA-256."""

    def __init__(self, weights: bytes, path: Path) -> None:
        """Raises ModelError: the bytes are not such a network; `path` is only named in it."""
        try:
            with np.load(BytesIO(weights), allow_pickle=False) as file:
                layers = [(file[f"{name}.w"], file[f"{name}.b"]) for name in _LAYERS]
            _check(layers)
        except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
            raise ModelError(f"{path}: not an embedding network ({error}); restore the file") from error
        self._layers: list[tuple[Floats, Floats, int]] = [
            (_flat(w), b.astype(np.float32), w.shape[2]) for w, b in layers
        ]

    def __call__(self, rows: Floats, count: int) -> Floats:
        """Return the last `count` embeddings, SPACING_ROWS apart, shape (count, SIZE), the last one last.

        `rows`: float32 features divided by FULL_SCALE, shape (rows_for(count), BANDS), oldest first.
        """
        spaced = self._before_last(rows)[:: SPACING_ROWS // STRIDE_ROWS][-count:]
        return _conv(spaced, self._layers[-1])

    def every(self, rows: Floats) -> Floats:
        """Return the embeddings of a whole stream, STRIDE_ROWS apart, from the first REACH_ROWS on."""
        return _conv(self._before_last(rows), self._layers[-1])

    def _before_last(self, rows: Floats) -> Floats:
        (enter, half, *wide, _) = self._layers
        y = _relu(_conv(rows, enter))
        y = _relu(_conv(y, half, stride=STRIDE_ROWS))
        for layer, dilation in zip(wide, _DILATIONS, strict=True):
            y = y[2 * dilation :] + _relu(_conv(y, layer, dilation=dilation))
        return y


def rows_for(count: int) -> int:
    """Return how many rows `count` embeddings take."""
    return REACH_ROWS + SPACING_ROWS * (count - 1)


def pack(layers: Sequence[tuple[Floats, Floats]]) -> bytes:
    """Return the file of a trained network: weights of shape (out, in, taps) and biases, layer by layer.

    Halves of float32 are kept: a tenth of a thousandth is finer than what was learnt.
    """
    named: dict[str, npt.NDArray[np.float16]] = {}
    for name, (weights, biases) in zip(_LAYERS, layers, strict=True):
        named[f"{name}.w"], named[f"{name}.b"] = weights.astype(np.float16), biases.astype(np.float16)
    file = BytesIO()
    np.savez(file, allow_pickle=False, **named)
    return file.getvalue()


def _check(layers: Sequence[tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]]) -> None:
    """Raises ValueError: a layer does not take what the one before it gives, or a weight is no number."""
    given = BANDS
    for name, (weights, biases) in zip(_LAYERS, layers, strict=True):
        if weights.ndim != 3 or weights.shape[1] != given or biases.shape != weights.shape[:1]:
            raise ValueError(f"layer {name} is {weights.shape}, {biases.shape}")
        if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
            raise ValueError(f"layer {name} has weights that are no numbers")
        given = weights.shape[0]
    if given != SIZE:
        raise ValueError(f"it gives {given} numbers, not {SIZE}")


def _flat(weights: npt.NDArray[np.float16]) -> Floats:
    """Weights of shape (out, in, taps) as one matrix of shape (taps * in, out)."""
    return np.ascontiguousarray(weights.astype(np.float32).transpose(2, 1, 0).reshape(-1, weights.shape[0]))


def _conv(x: Floats, layer: tuple[Floats, Floats, int], stride: int = 1, dilation: int = 1) -> Floats:
    matrix, bias, taps = layer
    length = (len(x) - dilation * (taps - 1) - 1) // stride + 1
    ends = stride * (length - 1) + 1
    parts = [x[dilation * tap : dilation * tap + ends : stride] for tap in range(taps)]
    y: Floats = np.concatenate(parts, axis=1) @ matrix
    y += bias
    return y


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0, out=x)
