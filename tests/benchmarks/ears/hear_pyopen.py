"""`pyopen-wakeword` listens, called as its own streaming loop does: `hear_pyopen.py [lva]`.

A row is a sample index and the score there, one for each 80 ms. It is fed frames of 20 ms as our firmware
is. With `lva`, as linux-voice-assistant calls it, which runs the other package's front end too: see `lva.py`.
"""

import sys

from lva import BLOCK_SAMPLES, as_recorded
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures
from serve import serve


class PyOpen:
    """The package, and what it says at every step of its grid."""

    def __init__(self, *, lva: bool) -> None:
        self.block_samples = BLOCK_SAMPLES if lva else 320
        self._lva = lva
        self._model, self._features = (
            OpenWakeWord.from_builtin(Model.ALEXA),
            OpenWakeWordFeatures.from_builtin(),
        )
        self._micro = None
        if lva:
            from pymicro_wakeword import MicroWakeWordFeatures

            self._micro = MicroWakeWordFeatures()
        self._end = 0

    def reset(self) -> None:
        """Start anew; the package then begins with 8 s of silence, at the price of hearing them."""
        self._model.reset()
        self._features.reset()
        if self._micro:
            self._micro.reset()
        self._end = 0

    def hear(self, blocks: list[bytes]) -> list[list[float]]:
        heard: list[list[float]] = []
        for raw in blocks:
            block = as_recorded(raw) if self._lva else raw
            self._end += self.block_samples
            if self._micro:
                list(self._micro.process_streaming(block))
            for embedding in self._features.process_streaming(block):
                heard.extend(
                    [self._end, round(score, 6)] for score in self._model.process_streaming(embedding)
                )
        return heard


if __name__ == "__main__":
    serve(PyOpen(lva="lva" in sys.argv[1:]))
