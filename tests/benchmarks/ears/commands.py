"""Commands spoken right after the wake word, made of a clip with the word and a recorded command.

The command begins a gap after the word's end: the clip goes on until then and fades within 10 ms. Both are as
loud, by the rms of their active speech. There is no pre-roll to fall back on, so what is spoken before the
trigger is lost.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from ears.clips import RATE_HZ, Clip, Corpus, Int16
from ears.mixes import AFTER, BEFORE, FLOOR_RMS, Float, seeded
from ears.word_end import word_end
from hardware.room.levels import active_rms, to_pcm

AUDIO = Path(__file__).parents[3] / "lab" / "scenarios" / "audio"
COMMANDS = ("delete", "play", "stop", "time", "timer", "volume", "weather")
GAPS_MS = (0, 100, 200, 300)
FADE = RATE_HZ // 100
ONSET_DB = 30.0
_FRAME = RATE_HZ // 100


class Spoken(NamedTuple):
    """A clip with a command after it, as the microphone hands it over, and where the command begins."""

    pcm: Int16
    onset: int


def spoken(clip: Clip, gap_ms: int, corpus: Corpus) -> Spoken:
    """The clip and a command that its name picks, always the same; the clip begins at sample BEFORE."""
    chance = seeded("command", clip.file)
    word = corpus.sound(clip).astype(np.float32)
    said = command(COMMANDS[int(chance.integers(len(COMMANDS)))])
    end = word_end(corpus.sound(clip)) + gap_ms * RATE_HZ // 1000
    head = np.pad(word, (0, max(0, end - len(word))))[:end]
    head[-FADE:] *= np.linspace(1, 0, FADE, dtype=np.float32)
    as_loud = said * np.float32(active_rms(word) / active_rms(said))
    whole = np.concatenate([np.zeros(BEFORE, np.float32), head, as_loud, np.zeros(AFTER, np.float32)])
    return Spoken(to_pcm(whole, chance, FLOOR_RMS), BEFORE + end)


@cache
def command(name: str) -> Float:
    """A recorded command from its first sound on."""
    samples, _ = soundfile.read(AUDIO / f"{name}.flac", dtype="int16")
    sound: Float = samples.astype(np.float32)
    return sound[onset(sound) :]


def onset(samples: Float) -> int:
    """The sample index of the first 10 ms within 30 dB of the loudest."""
    whole = samples[: len(samples) - len(samples) % _FRAME].reshape(-1, _FRAME)
    power = np.square(whole, dtype=np.float64).mean(axis=1)
    return int(np.flatnonzero(power >= power.max() * 10 ** (-ONSET_DB / 10))[0]) * _FRAME
