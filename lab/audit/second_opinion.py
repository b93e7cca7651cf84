"""The second ear, written anew: a small causal convolution over features, and a logistic head, from what is
published: the weights in `device/wakeword/heads` and their description. They are read as data.

layers: `in`, `half` (of which every second row counts), four that add to what they are given and look 1, 2,
4, 8 rows around, `out`. A head weighs 16 of its outputs, 80 ms apart, the newest last.
"""

import base64
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from lab.audit.errors import NotGiven

Floats = npt.NDArray[np.float32]

BANDS = 40
_FULL_SCALE = 26.0
_REACH, _SPACING = 68, 8
_AROUND = (1, 2, 4, 8)


class Head(msgspec.Struct, frozen=True):
    """A head's file, as far as it is needed."""

    embedding: str
    first_ear: str
    embeddings: int
    bias: float
    weights: str
    thresholds: dict[str, float]


class Opinion(NamedTuple):
    """What a head makes of features: call it with the last `rows` of them, shape (rows, 40)."""

    head: Head
    layers: dict[str, tuple[Floats, Floats]]

    @property
    def rows(self) -> int:
        """How many rows of features (10 ms each) it looks at."""
        return _REACH + _SPACING * (self.head.embeddings - 1)

    def __call__(self, rows: Floats) -> float:
        """Return how much they sound like the word, 0 to 1."""
        y = np.maximum(self._conv(rows / np.float32(_FULL_SCALE), "in"), 0)
        y = np.maximum(self._conv(y, "half")[::2], 0)
        for around in _AROUND:
            y = y[2 * around :] + np.maximum(self._conv(y, f"wide{around}", around), 0)
        found = self._conv(y[::4][-self.head.embeddings :], "out")
        weights = np.frombuffer(base64.b64decode(self.head.weights), "<f4")
        return float(1 / (1 + np.exp(-np.clip(found.ravel() @ weights + self.head.bias, -50, 50))))

    def _conv(self, x: Floats, name: str, apart: int = 1) -> Floats:
        weights, bias = self.layers[name]
        count = len(x) - apart * (weights.shape[2] - 1)
        taps = [
            x[apart * tap : apart * tap + count] @ weights[:, :, tap].T for tap in range(weights.shape[2])
        ]
        return np.asarray(sum(taps) + bias, np.float32)


def head_for(first_ear: str) -> Head:
    """The published head for proposals of the first ear's model of that SHA-256.

    Raises:
        NotGiven: there is none.
    """
    for path in sorted(_folder().glob("*.json")):
        head = msgspec.json.decode(path.read_bytes(), type=Head)
        if head.first_ear == first_ear:
            return head
    raise NotGiven(f"a second ear's head for the model {first_ear[:12]}, which a header names")


def opinion(head: Head) -> Opinion:
    """Open a head with its network. Raises NotGiven: the network is another one."""
    path = _folder() / "embedding.npz"
    content = path.read_bytes()
    if sha256(content).hexdigest() != head.embedding:
        raise NotGiven(f"the network {head.embedding[:12]}, which the second ear's head is for")
    with np.load(path, allow_pickle=False) as file:
        names = {name.rpartition(".")[0] for name in file.files}
        layers = {
            name: (file[f"{name}.w"].astype(np.float32), file[f"{name}.b"].astype(np.float32))
            for name in names
        }
    return Opinion(head, layers)


def _folder() -> Path:
    spec = find_spec("device")
    if spec is None or spec.origin is None:
        raise NotGiven("the published weights of the second ear")
    return Path(spec.origin).parent / "wakeword" / "heads"
