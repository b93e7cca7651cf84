"""A recording as both ears would hear it: the first ear's score step by step, the second ear's embeddings.

Nothing here decides; `examples` and `trial` do. Keeps features and scores of one recording, never its audio.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.wakeword import Manifest, Model
from device.wakeword.embedding import (
    FULL_SCALE,
    REACH_ROWS,
    SPACING_ROWS,
    STRIDE_ROWS,
    Embedding,
    Floats,
    rows_for,
)
from device.wakeword.features import ROWS, Features
from device.wakeword.opening import PROPOSING_LEVELS

COUNT = 16
"""Embeddings that a head takes."""
_BEFORE = rows_for(COUNT)  # before the first row a second ear remembers silence
ASKED_ROWS = (2, 6, 12, 18, 22)
"""When the second ear is asked, in rows (10 ms) after the proposal; see `device.wakeword.ears`."""


class Track(NamedTuple):
    """One recording, heard for one word."""

    scores: Floats
    """The first ear's score after each step of three rows, shape (steps,)."""
    embeddings: Floats
    """STRIDE_ROWS apart, from the first row on, shape (n, 96)."""

    def proposals(self, threshold: float) -> list[int]:
        """Return the rows after which the first ear proposes: where its score comes to exceed it."""
        above = self.scores > threshold
        begins = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]]))
        return [int(step) * ROWS + ROWS - 1 for step in begins]

    def windows(self, rows: npt.ArrayLike) -> Floats:
        """Return what a head would be given after each of these rows, shape (n, COUNT * 96)."""
        last = (np.asarray(rows, int) + _BEFORE - (REACH_ROWS - 1)) // STRIDE_ROWS
        apart = SPACING_ROWS // STRIDE_ROWS * np.arange(COUNT)[::-1]
        index = np.clip(last[:, None] - apart, 0, len(self.embeddings) - 1)
        windows: Floats = self.embeddings[index].reshape(len(index), -1)
        return windows

    @property
    def rows(self) -> int:
        """How many rows of features there are."""
        return len(self.scores) * ROWS


class Listener:
    """Hears recordings with the first ear of one word and the second ear's network."""

    def __init__(self, manifest: Manifest, embedding: Embedding) -> None:
        """Raises ModelError: it is not a streaming microWakeWord model."""
        self._model = Model(manifest, PROPOSING_LEVELS)
        self._embedding = embedding

    def hear(self, pcm: npt.NDArray[np.int16]) -> Track:
        """Hear a whole recording, 16 kHz mono, from silence on."""
        self._model.reset()
        features, scores, rows = Features(), [], [np.zeros((_BEFORE, 40), np.float32)]
        for _ in features.hear(pcm.astype("<i2").tobytes()):
            self._model.hear(features.rows)
            scores.append(self._model.score)
            rows.append(features.rows[0].astype(np.float32) / np.float32(FULL_SCALE))
        return Track(np.array(scores, np.float32), self._embedding.every(np.concatenate(rows)))
