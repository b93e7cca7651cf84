"""The seven conditions that a clip with the word is heard in, made from the set's own noise and speech.

Each clip stands between 1.5 s and 1 s of a microphone's own noise (5 LSB rms). The ratio of a mix is that of
the active speech's rms to the rms of the noise over the whole clip. Every chance comes from the names of the
condition and of the file, so a mix is the same in every run and however many others are made.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ears.clips import RATE_HZ, Clip, Corpus, Int16
from hardware.room.levels import at_snr, attenuate, babble, excerpt, to_pcm

Float = npt.NDArray[np.float32]
Chance = np.random.Generator

BEFORE, AFTER = RATE_HZ * 3 // 2, RATE_HZ
RT60_S, TAIL_FROM = 0.45, 32  # seconds; samples (2 ms) between the direct sound and the first of the room
GAIN_DB = -20.0
FLOOR_RMS = 5.0


class Around(NamedTuple):
    """What may sound around a clip: speech and noise of its own fold."""

    talkers: Sequence[Float]
    noises: Sequence[Float]


def _babble(speech: Float, around: Around, chance: Chance, snr_db: float) -> Float:
    return at_snr(speech, babble(around.talkers, len(speech), chance), snr_db)


def _noise(speech: Float, around: Around, chance: Chance, snr_db: float) -> Float:
    source = around.noises[int(chance.integers(len(around.noises)))]
    return at_snr(speech, excerpt(source, len(speech), chance), snr_db)


def _reverberate(speech: Float, _: Around, chance: Chance) -> Float:
    """In a made-up room: a tail of noise that falls by 60 dB in RT60_S, as strong as the direct sound."""
    length = int(RT60_S * RATE_HZ)
    room = chance.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    room[:TAIL_FROM] = 0
    room /= np.sqrt(np.square(room).sum())
    room[0] = 1
    size = len(speech) + length
    wet = np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(room, size), size)
    return wet[: len(speech)].astype(np.float32)


CONDITIONS: Mapping[str, Callable[[Float, Around, Chance], Float]] = MappingProxyType(
    {
        "clean": lambda speech, _, __: speech,
        "babble 10": lambda speech, around, chance: _babble(speech, around, chance, 10),
        "babble 5": lambda speech, around, chance: _babble(speech, around, chance, 5),
        "noise 10": lambda speech, around, chance: _noise(speech, around, chance, 10),
        "noise 5": lambda speech, around, chance: _noise(speech, around, chance, 5),
        "reverb": _reverberate,
        "-20 dB": lambda speech, _, __: attenuate(speech, GAIN_DB),
    }
)


def mixed(condition: str, clip: Clip, corpus: Corpus) -> Int16:
    """The clip in a condition, as a microphone would hand it over; the clip begins at sample BEFORE."""
    chance = seeded(condition, clip.file)
    speech = np.pad(corpus.sound(clip).astype(np.float32), (BEFORE, AFTER))
    talkers, noises = corpus.talkers[clip.fold], corpus.noises[clip.fold]
    around = Around(Recordings(corpus, talkers), Recordings(corpus, noises))
    return to_pcm(CONDITIONS[condition](speech, around, chance), chance, FLOOR_RMS)


def seeded(*names: str) -> Chance:
    """A generator of its own for these names."""
    return np.random.default_rng([crc32(name.encode()) for name in names])


def hush(length: int, chance: Chance) -> Int16:
    """A microphone's own noise, and nothing else."""
    return to_pcm(np.zeros(length, np.float32), chance, FLOOR_RMS)


class Recordings(Sequence[Float]):
    """Clips as samples, read when they are picked: all of them would take hundreds of MiB."""

    def __init__(self, corpus: Corpus, clips: Sequence[Clip]) -> None:
        self._corpus, self._clips = corpus, clips

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> Float:
        return self._corpus.sound(self._clips[index]).astype(np.float32)
