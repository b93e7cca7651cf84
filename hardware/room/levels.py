"""How loud sound is, and sounds added at a chosen signal-to-noise ratio. Needs numpy alone.

Sound is float32 at 16 kHz, mono, in steps of a 16-bit sample (-32768.0 to 32767.0). Pure: chance comes from a
generator that is handed in, nothing is changed in place, and nothing is ever clipped.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.errors import SoundError

Samples = npt.NDArray[np.float32]  # 16 kHz, in steps of a 16-bit sample; channels, where there are any, first

ACTIVE_DB = 20.0  # a frame this far below the loudest is a pause, or the room after the word
PEAK = 32_767.0
SEAM_SAMPLES = 160  # 10 ms: two passes of a looped sound fade into each other, a hard edge clicks

_TINY = 1e-12


def active_rms(samples: npt.ArrayLike) -> float:
    """The rms of the 20 ms frames that are within 20 dB of the loudest one; 0.0 for silence or nothing.

    So that pauses around a word don't make it count as quiet. A last frame that isn't full counts only if
    there is no other.
    """
    whole = np.asarray(samples, np.float64).ravel()
    full = len(whole) - len(whole) % FRAME_SAMPLES
    frames = whole[:full].reshape(-1, FRAME_SAMPLES) if full else whole.reshape(1, -1)
    power = np.square(frames).mean(axis=1) if whole.size else np.zeros(1)
    active = power[power >= power.max() * 10 ** (-ACTIVE_DB / 10)]
    return float(np.sqrt(active.mean()))


def attenuate(samples: Samples, gain_db: float) -> Samples:
    """The samples `gain_db` louder; a negative gain makes them quieter."""
    return (samples * np.float32(10 ** (gain_db / 20))).astype(np.float32)


def at_snr(speech: Samples, noise: Samples, snr_db: float, level: float | None = None) -> Samples:
    """Speech with noise `snr_db` below it: active rms of the speech over rms of the noise.

    Both may be of shape (samples,) or (channels, samples), of the same length; channels are measured
    together. The speech is at `level` (its active rms), or as it came when that is None. Silence has no
    ratio: silent speech comes back with the noise as it is, silent noise adds nothing. Raises SoundError
    when the shapes differ.
    """
    if speech.shape != noise.shape:
        raise SoundError(f"noise of shape {noise.shape}: the speech is {speech.shape}; cut an excerpt of it")
    loud, noisy = _level(speech), _rms(noise)
    gain = 1.0 if level is None or loud < _TINY else level / loud
    below = gain * loud * 10 ** (-snr_db / 20) / noisy if min(loud, noisy) > _TINY else 1.0
    return (speech * np.float32(gain) + noise * np.float32(below)).astype(np.float32)


def excerpt(source: Samples, length: int, rng: np.random.Generator) -> Samples:
    """`length` samples of `source` from a place that `rng` picks; a shorter source goes round, seams faded.

    Raises SoundError for a source without samples.
    """
    if not len(source):
        raise SoundError("a sound without samples: nothing to cut an excerpt from; leave it out")
    if len(source) < length + 1:
        source = _looped(source, length + 1)
    at = int(rng.integers(0, len(source) - length))
    return source[at : at + length].astype(np.float32)


def babble(sources: Sequence[Samples], length: int, rng: np.random.Generator, talkers: int = 6) -> Samples:
    """`length` samples of `talkers` people talking at once, each as loud as the others; rms 1000.

    `sources` is clean speech; a talker is an excerpt of one that `rng` picks, without the same source twice
    unless there are too few. Raises SoundError when there is nothing to pick from.
    """
    if not sources:
        raise SoundError("babble of nobody: no speech to make it of; give some clips of people talking")
    picks = rng.choice(len(sources), talkers, replace=talkers > len(sources))
    mix = np.zeros(length, np.float64)
    for pick in picks:
        voice = excerpt(sources[int(pick)], length, rng)
        mix += voice / max(active_rms(voice), _TINY)
    return _at_rms(mix, 1000)


def pink(length: int, rng: np.random.Generator) -> Samples:
    """`length` samples of noise with as much power in every octave, 20 Hz to 8 kHz; rms 1000."""
    hz = np.fft.rfftfreq(max(length, 2), 1 / RATE_HZ)
    spectrum = rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))
    shaped = np.fft.irfft(np.where(hz < 20, 0, spectrum / np.sqrt(np.maximum(hz, 20))), max(length, 2))[
        :length
    ]
    return _at_rms(shaped, 1000)


def to_pcm(samples: Samples, rng: np.random.Generator, floor_rms: float = 5.0) -> npt.NDArray[np.int16]:
    """What a microphone would hand over: its own noise added, rounded to 16 bits, any number of channels.

    The noise is white, `floor_rms` steps. What would not fit is scaled down as a whole instead of clipped.
    """
    heard = samples + np.float32(floor_rms) * rng.standard_normal(samples.shape, np.float32)
    peak = float(np.abs(heard).max(initial=0.0))
    if peak > PEAK:
        heard = heard * np.float32(PEAK / peak)
    return np.rint(heard).clip(-PEAK, PEAK).astype(np.int16)


def _at_rms(samples: npt.NDArray[np.float64], rms: float) -> Samples:
    return (samples * (rms / max(_rms(samples), _TINY))).astype(np.float32)


def _rms(samples: npt.NDArray[Any]) -> float:
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean())) if samples.size else 0.0


def _level(samples: Samples) -> float:
    """Active rms; of several channels, the root of their mean square."""
    rows = np.atleast_2d(samples)
    return float(np.sqrt(np.mean([active_rms(row) ** 2 for row in rows])))


def _looped(source: Samples, length: int) -> Samples:
    seam = min(SEAM_SAMPLES, len(source) // 2)
    if not seam:
        return np.resize(source, length)
    rise = np.linspace(0, 1, seam, dtype=np.float32)
    once = source[: len(source) - seam].astype(np.float32)  # its head is mixed with the tail that it follows
    once[:seam] = once[:seam] * rise + source[len(source) - seam :] * rise[::-1]
    return np.resize(once, length)
