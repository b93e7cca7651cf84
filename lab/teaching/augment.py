"""What a recording may sound like elsewhere: in other rooms, levels, voices and noise. Pure, seeded."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import soxr

from hardware.board import RATE_HZ
from hardware.room.levels import Samples, at_snr, attenuate, babble, excerpt, to_pcm

Chance = np.random.Generator
Int16 = npt.NDArray[np.int16]

_BEFORE, _AFTER = RATE_HZ * 3 // 2, RATE_HZ


class World:
    """The speech and the noise that recordings are put into, both float32 in steps of a 16-bit sample."""

    def __init__(self, speech: Sequence[Samples], noise: Sequence[Samples]) -> None:
        self.speech, self.noise = speech, noise

    def vary(self, recording: Samples, chance: Chance) -> Int16:
        """Return the recording in one of many ways, with what comes before it and after it."""
        way = _WAYS[int(chance.integers(len(_WAYS)))]
        return to_pcm(way(self, self._around(recording, chance), chance), chance, chance.uniform(0.5, 8))

    def plain(self, recording: Samples, chance: Chance) -> Int16:
        """Return the recording as it is, between silences of a microphone's own noise."""
        return to_pcm(np.pad(recording, (_BEFORE, _AFTER)), chance, 5.0)

    def _around(self, recording: Samples, chance: Chance) -> Samples:
        """Silence before it, or, as often, somebody who has just spoken: a wake word need not come first."""
        before = np.zeros(_BEFORE, np.float32)
        if self.speech and chance.random() < 0.5:
            gap = int(chance.integers(800, 8_000))
            before[: _BEFORE - gap] = excerpt(self._one(self.speech, chance), _BEFORE - gap, chance)
        if chance.random() < 0.3:
            recording = faster(recording, chance.uniform(0.88, 1.14))
        around: Samples = np.concatenate([before, recording, np.zeros(_AFTER, np.float32)]).astype(np.float32)
        return around

    @staticmethod
    def _one(sounds: Sequence[Samples], chance: Chance) -> Samples:
        return sounds[int(chance.integers(len(sounds)))]


def faster(samples: Samples, factor: float) -> Samples:
    """Speech `factor` times as fast and as high, as from another mouth."""
    return np.asarray(soxr.resample(samples, RATE_HZ, RATE_HZ / factor), np.float32)


def reverberate(samples: Samples, chance: Chance) -> Samples:
    """In a made-up room: a tail of noise that falls by 60 dB in 0.2 to 0.8 s, beside the direct sound."""
    length = int(chance.uniform(0.2, 0.8) * RATE_HZ)
    room = chance.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    room[:32] = 0
    room *= 10 ** (chance.uniform(-6, 3) / 20) / np.sqrt(np.square(room).sum())
    room[0] = 1
    size = len(samples) + length
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)
    return wet[: len(samples)].astype(np.float32)


def _in_babble(world: World, samples: Samples, chance: Chance) -> Samples:
    return at_snr(samples, babble(world.speech, len(samples), chance), chance.uniform(2, 15))


def _in_noise(world: World, samples: Samples, chance: Chance) -> Samples:
    noise = excerpt(world._one(world.noise, chance), len(samples), chance)
    return at_snr(samples, noise, chance.uniform(0, 15))


def _beside_a_talker(world: World, samples: Samples, chance: Chance) -> Samples:
    talker = excerpt(world._one(world.speech, chance), len(samples), chance)
    return at_snr(samples, talker, chance.uniform(3, 15))


def _in_a_room(_: World, samples: Samples, chance: Chance) -> Samples:
    return reverberate(samples, chance)


def _in_a_noisy_room(world: World, samples: Samples, chance: Chance) -> Samples:
    around = (_in_babble, _in_noise)[int(chance.integers(2))]
    return around(world, reverberate(samples, chance), chance)


def _at_a_level(_: World, samples: Samples, chance: Chance) -> Samples:
    return attenuate(samples, chance.uniform(-30, 6))


Way = Callable[[World, Samples, Chance], Samples]
_WAYS: tuple[Way, ...] = (
    _in_babble, _in_babble, _in_noise, _in_noise, _beside_a_talker,
    _in_a_room, _in_a_room, _in_a_noisy_room, _at_a_level,
)  # fmt: skip
