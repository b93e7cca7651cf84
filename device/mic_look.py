"""A frame in a few numbers, for `mic_fault` to judge. It keeps no sample, and nothing from one frame to the
next.

60 Hz do not come round in 20 ms, so a frame is not transformed but taken apart into the waves themselves:
whatever mix of them it is, it is all found, wherever in a wave it begins.
"""

import math

import numpy as np
import numpy.typing as npt

from device.mic_fault import LOUD, NEARLY_ALL, Look
from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame

Matrix = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float32]

_MAINS_HZ = (50, 60)
_LINES = 12
"""A hum is its mains' first so many multiples: nine tenths of a sawtooth's power, at twice the mains too."""

_STRONG = 0.1
"""A line with this part of the power has a phase worth keeping."""

_FULL = 32_700
"""From here on a sample is at full scale: some converters stop a little below the last step."""

_CAN_CLIP = (0.3 * _FULL) ** 2 * FRAME_SAMPLES
"""A frame with less power than this has not a tenth of its samples at full scale, so nobody counts them."""


def _waves(mains_hz: int) -> tuple[Matrix, Matrix]:
    """Return an orthonormal basis of the waves at the multiples of a frequency, as rows, and the matrix that
    makes cosines and sines of its coefficients. What does not move is in neither.
    """
    turn = 2 * np.pi * np.outer(np.arange(1, _LINES + 1) * mains_hz, np.arange(FRAME_SAMPLES)) / RATE_HZ
    waves = np.vstack([np.ones(FRAME_SAMPLES), np.cos(turn), np.sin(turn)])
    basis, mix = np.linalg.qr(waves.T)
    return basis.T[1:].astype(np.float32), np.linalg.inv(mix)[1:, 1:].astype(np.float32)


_BASES, _UNMIX = zip(*map(_waves, _MAINS_HZ), strict=True)
_STILL = np.full((1, FRAME_SAMPLES), FRAME_SAMPLES**-0.5, np.float32)
_ALL = np.vstack([_STILL, *_BASES])
_HALF = 1 + 2 * _LINES


def look(frame: Frame) -> Look:
    """Return the numbers of a frame."""
    index, pcm = frame
    wave = np.frombuffer(pcm, np.int16).astype(np.float32)
    try:
        return _numbers(index, wave)
    finally:
        wave.fill(0)  # or it lay in freed memory until the next look


def _numbers(index: int, wave: Wave) -> Look:
    """Return the numbers of the frame at `index`; of `wave`, its samples, nothing is kept or copied."""
    found = _ALL.dot(wave)
    whole = float(wave.dot(wave))
    moving = whole - float(found[0]) ** 2
    if moving <= 1e-5 * whole + FRAME_SAMPLES:  # nearer than these sums can tell
        low, high = int(wave.min()), int(wave.max())
        if high - low <= 1:
            return Look(index, min(low, high, key=abs), 0.0, 0.0)
    full = 0.0
    if whole >= _CAN_CLIP:
        full = (np.count_nonzero(wave >= _FULL) + np.count_nonzero(wave <= -_FULL)) / FRAME_SAMPLES
    rms = math.sqrt(max(moving, 0.0) / FRAME_SAMPLES)
    if rms < LOUD:
        return Look(index, None, rms, full)
    parts = found[1:_HALF], found[_HALF:]
    powers = [float(part.dot(part)) for part in parts]
    mains = max(powers) / moving
    if mains < NEARLY_ALL:
        return Look(index, None, rms, full, mains)
    which = powers.index(max(powers))
    waves = _UNMIX[which].dot(parts[which])
    return Look(index, None, rms, full, mains, _turns(index, waves, _MAINS_HZ[which]))


def _turns(index: int, waves: Matrix, mains_hz: int) -> dict[int, float]:
    """The phases of the strong waves, as if they had sounded since sample 0."""
    sizes = waves.tolist()
    pairs = list(zip(sizes[:_LINES], sizes[_LINES:], strict=True))
    powers = [cosine * cosine + sine * sine for cosine, sine in pairs]
    least = _STRONG * sum(powers)
    turns = {}
    for number, power in enumerate(powers):
        if power >= least:
            hz = (number + 1) * mains_hz
            cosine, sine = pairs[number]
            turns[hz] = math.atan2(sine, cosine) / math.tau + hz * index / RATE_HZ
    return turns
