"""What differs between the rounds of a study: where a file starts, how loud it is, and a little noise.

Round 0 is the file as it is. In a later one it comes after up to 79 ms of silence, up to 3 dB louder or
softer and with noise of about 3 LSB, as if it were played once more in a quiet room. All of it follows from
the number of the round and the name of the file, so anybody can have the same round again. Never holds more
than a piece.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

LEAD_SAMPLES = 79 * 16 + 1
GAIN_DB = 3.0
NOISE_LSB = 3.0


class Round:
    """One round of one file."""

    def __init__(self, number: int, file: str) -> None:
        seed = hashlib.sha256(f"{number}\n{file}".encode()).digest()
        self._random = np.random.default_rng(int.from_bytes(seed))
        self._as_it_is = number == 0
        self.lead_samples = 0 if self._as_it_is else int(self._random.integers(LEAD_SAMPLES))
        """How much silence comes before the file."""
        self.gain_db = 0.0 if self._as_it_is else float(self._random.uniform(-GAIN_DB, GAIN_DB))

    def play(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the file, s16le, as it sounds in this round. Once: the noise goes on from piece to piece."""
        if self._as_it_is:
            yield from pieces
            return
        gain = np.float32(10 ** (self.gain_db / 20))
        if self.lead_samples:
            yield self._noisy(np.zeros(self.lead_samples, np.float32))
        for piece in pieces:
            yield self._noisy(gain * np.frombuffer(piece, "<i2"))

    def _noisy(self, samples: npt.NDArray[np.float32]) -> bytes:
        noise = self._random.standard_normal(len(samples), dtype=np.float32)
        return (samples + NOISE_LSB * noise).round().clip(-32768, 32767).astype("<i2").tobytes()
