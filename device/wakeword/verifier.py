"""The second ear: a small memory of features, and a head for each word, asked when the first ear proposes.

The memory holds what the first ear saw of the last 1.9 s: features, never audio, inside this object only,
overwritten as they age and wiped by `forget`. Between two proposals remembering is all that it does.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from device.errors import ModelError
from device.wakeword.embedding import BANDS, FULL_SCALE, Embedding, rows_for
from device.wakeword.features import ROWS
from device.wakeword.head import Head, parse

_EMBEDDINGS = 16
_MEMORY_ROWS = -(-rows_for(_EMBEDDINGS) // ROWS) * ROWS  # in whole steps of the first ear: 189, 1.89 s
HEADS = Path(__file__).with_name("heads")
"""The network and the heads that ship; README.md there is their card."""
_NETWORK = HEADS / "embedding.npz"


class Verifier:
    """Remembers features, and says how much they sound like a word."""

    def __init__(self, heads: Sequence[Head]) -> None:
        """Raises ModelError: a head was trained on another network than the one that ships."""
        threadpool_limits(1, "blas")  # so small a network is slower on several threads, and they spin
        weights = _read(_NETWORK)
        digest = sha256(weights).hexdigest()
        for head in heads:
            if head.embedding != digest:
                raise ModelError(
                    f"head for {head.word}: made for the network {head.embedding[:12]}, not {digest[:12]}; "
                    "enrol or train again"
                )
        self._embedding = Embedding(weights, _NETWORK)
        self._heads = {head.word: (head.row(), head.bias, head.embeddings) for head in heads}
        self._rows = np.zeros((_MEMORY_ROWS, BANDS), np.float32)
        self._at = 0

    def keep(self, rows: npt.NDArray[np.float64]) -> None:
        """Remember the next three rows, shape (1, 3, 40), in place of the oldest."""
        at = self._at
        self._rows[at : at + ROWS] = rows[0]
        at += ROWS
        self._at = at if at < _MEMORY_ROWS else 0

    def score(self, word: str) -> float:
        """Return how much what is remembered sounds like `word`, 0 to 1."""
        weights, bias, count = self._heads[word]
        recent = np.concatenate([self._rows[self._at :], self._rows[: self._at]])[-rows_for(count) :]
        embeddings = self._embedding((recent / FULL_SCALE).astype(np.float32), count)
        logit = float(embeddings.ravel() @ weights) + bias
        return float(1 / (1 + np.exp(-np.clip(logit, -50, 50))))

    def forget(self) -> None:
        """Wipe what is remembered, as if there had been silence."""
        self._rows.fill(0)


def shipped_embedding() -> Embedding:
    """Return the network that ships. Raises ModelError: its file is missing or broken."""
    return Embedding(_read(_NETWORK), _NETWORK)


def shipped_sha256() -> str:
    """Return the SHA-256 of its file, by which heads name it. Raises ModelError: it can't be read."""
    return sha256(_read(_NETWORK)).hexdigest()


def packaged(word: str) -> Head | None:
    """Return the head that ships for `word`, or None when there is none. Raises ModelError: a broken one."""
    path = HEADS / f"{word}.json"
    return read_head(path) if path.exists() else None


def read_head(path: Path) -> Head:
    """Read a head's file. Raises ModelError: it cannot be read, or is none."""
    return parse(_read(path), path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; name a head that can be read, or reinstall") from error
