"""Audio into what the models see: 40 features every 10 ms, three rows of them at a time.

The features are those of TensorFlow Lite Micro's audio front end (`pymicro-features`). It holds its own
window of 30 ms of audio, and this object at most 10 ms more that did not fill a step; nothing older.
"""

from collections.abc import Iterator
from struct import Struct

import numpy as np
import numpy.typing as npt
from pymicro_features import MicroFrontend

ROWS, BANDS = 3, 40
_STEP_BYTES = 320  # 10 ms: the front end takes no more and no less
_PACK = Struct(f"{ROWS * BANDS}d").pack_into  # three times as fast as numpy.array(list)


class Features:
    """One front end. `rows` is the latest window, float64 of shape (1, 3, 40), overwritten in place."""

    def __init__(self) -> None:
        self.rows: npt.NDArray[np.float64] = np.zeros((1, ROWS, BANDS))
        self._buffer = self.rows.data
        self._frontend = MicroFrontend()
        self._values: list[float] = []
        self._rest = b""

    def hear(self, pcm: bytes) -> Iterator[int]:
        """Take s16le mono 16 kHz of any length; each time `rows` is filled, yield the samples still to come.

        Take everything it yields: what is left untaken is not heard.
        """
        step, values, buffer = self._frontend.process_samples, self._values, self._buffer
        if self._rest:
            pcm = self._rest + pcm
        size = len(pcm)
        self._rest = pcm[size - size % _STEP_BYTES :] if size % _STEP_BYTES else b""
        for end in range(_STEP_BYTES, size + 1, _STEP_BYTES):
            values += step(pcm[end - _STEP_BYTES : end]).features
            if len(values) == ROWS * BANDS:
                _PACK(buffer, 0, *values)
                values.clear()
                yield (size - end) // 2

    def forget(self) -> None:
        """Wipe all that was heard; the next sample is the first."""
        self.rows.fill(0)
        self._frontend.reset()
        self._values.clear()
        self._rest = b""
