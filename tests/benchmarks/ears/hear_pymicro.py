"""`pymicro-wakeword` listens, called as its own streaming loop does: `hear_pymicro.py [lva]`.

A row is a sample index and the sliding mean of the probabilities there, so that any threshold can be asked
about afterwards. It is fed frames of 20 ms as our firmware is, which gives it its best latency; its own live
loop reads 64 ms. With `lva`, as linux-voice-assistant calls it: see `lva.py`.
"""

import sys

from lva import BLOCK_SAMPLES, as_recorded
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
from serve import serve


class PyMicro:
    """The package, and what it says after every third row of features."""

    def __init__(self, *, lva: bool) -> None:
        self.block_samples = BLOCK_SAMPLES if lva else 320
        self._lva = lva
        self._model, self._features = MicroWakeWord.from_builtin(Model.ALEXA), MicroWakeWordFeatures()
        self._end = self._rows = 0

    def reset(self) -> None:
        self._model.reset()
        self._features.reset()
        self._end = self._rows = 0

    def hear(self, blocks: list[bytes]) -> list[list[float]]:
        heard: list[list[float]] = []
        for raw in blocks:
            block = as_recorded(raw) if self._lva else raw
            self._end += self.block_samples
            for row in self._features.process_streaming(block):
                score = self._model.process_streaming_prob(row)
                self._rows += 1
                if score and self._rows % self._model.stride == 0:
                    heard.append([self._end, round(score, 6)])
        return heard


if __name__ == "__main__":
    serve(PyMicro(lva="lva" in sys.argv[1:]))
