"""Sound into what openWakeWord's networks see: the power in 32 bands of pitch, a row every 10 ms.

Computed here instead of by its melspectrogram.tflite, with the same numbers. It keeps no sound but what the
window of the next row has begun with and needs again: 240 samples (15 ms) at least, 399 (25 ms) at most, 264
between two frames of 20 ms. Of a spectrum only the bands are kept: all of it could be turned back into sound.
"""

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ

Floats = npt.NDArray[np.float32]

BANDS = 32
GROUP_ROWS = 8
"""A step of openWakeWord, 80 ms: what is more than 80 dB below its loudest band counts as 80 dB below."""

ROW_SAMPLES = 160

_WINDOW, _FFT = 400, 512
_LOWEST_HZ, _HIGHEST_HZ = 60, 3800
_BEFORE = 264  # of silence before the first sample: the rows that begin in it are heard too
_QUIETEST, _RANGE = 1e-10, 8.0  # a power, and 80 dB in tens of decibels


def bank() -> npt.NDArray[np.float64]:
    """Return what each of the FFT's bins gives to each band, shape (257, BANDS): triangles of equal area."""
    edges = _hz(np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 2))
    below, centre, above = edges[:-2], edges[1:-1], edges[2:]
    bins = np.arange(_FFT // 2 + 1)[:, None] * (RATE_HZ / _FFT)
    triangles = np.minimum((bins - below) / (centre - below), (above - bins) / (above - centre))
    scaled: npt.NDArray[np.float64] = np.maximum(triangles, 0) * 2 / (above - below)
    return scaled


def levels(power: Floats) -> Floats:
    """Return rows of power as the networks take them: tens of decibels and two; at most 8 below the loudest
    of each GROUP_ROWS, counted from the first row.
    """
    rows = np.log10(np.maximum(power, _QUIETEST)) + np.float32(2)
    loudest = np.maximum.reduceat(rows.max(axis=1), np.arange(0, len(rows), GROUP_ROWS))
    floor = np.repeat(loudest - np.float32(_RANGE), GROUP_ROWS)[: len(rows)]
    return np.maximum(rows, floor[:, None])


def _mel(hz: float) -> float:
    """Slaney's scale: even below 1 kHz, logarithmic above."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * float(np.log(hz / 1000) / np.log(6.4))


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


_USED = slice(*(np.flatnonzero(bank().any(axis=1))[[0, -1]] + (0, 1)))
_NUMBERS = slice(2 * _USED.start, 2 * _USED.stop)  # real and imaginary, one after the other
_BANK = np.repeat(bank()[_USED], 2, axis=0).astype(np.float32)  # so their squares need not be added first
_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)).astype(np.float32)


class Melspectrogram:
    """One stream of sound. A row comes as soon as its window is full, so it needs no more than this."""

    def __init__(self) -> None:
        self._tail = np.zeros(_BEFORE, np.int16)

    @property
    def left(self) -> int:
        """How many samples were heard after the window of the latest row."""
        return len(self._tail) - (_WINDOW - ROW_SAMPLES)

    def hear(self, pcm: bytes) -> Floats:
        """Take s16le mono 16 kHz of any length; return the power of the rows it fills, shape (n, BANDS).

        The rows are the same to the bit however the sound is cut into calls.
        """
        samples = np.concatenate([self._tail, np.frombuffer(pcm, "<i2")])
        count = max(0, (len(samples) - _WINDOW) // ROW_SAMPLES + 1)
        self._tail = samples[count * ROW_SAMPLES :].copy()
        if not count:
            return np.zeros((0, BANDS), np.float32)
        windows = np.ndarray((count, _WINDOW), np.int16, samples.data, 0, (2 * ROW_SAMPLES, 2)) * _HANN
        spectrum = np.fft.rfft(windows, _FFT)
        numbers = spectrum.view(spectrum.real.dtype)[:, _NUMBERS]  # NumPy 1 has made them float64
        squares = np.square(numbers, dtype=np.float32)
        power: Floats = (squares[:, None] @ _BANK)[:, 0]  # row by row: in one product their number shows
        return power

    def forget(self) -> None:
        """Wipe the sound; the next sample is the first."""
        self._tail.fill(0)
        self._tail = np.zeros(_BEFORE, np.int16)
