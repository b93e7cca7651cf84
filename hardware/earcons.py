"""The speaker's own short sounds, made of soft tones. Pure: it never plays anything.

Rising means the speaker begins to hear, falling that it stops; each is at most 0.4 s long.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ
from hardware.errors import BoardError

PEAK = 8_000  # -12 dB of full scale: heard across a room, startling nobody
FADE_MS = 12  # a tone that starts or stops faster than this clicks


class Tone(NamedTuple):
    """A sine of `hz` for `ms`; 0 Hz is a pause."""

    hz: int
    ms: int


EARCONS: dict[str, tuple[Tone, ...]] = {
    "wake": (Tone(659, 90), Tone(880, 130)),
    "done": (Tone(880, 90), Tone(659, 130)),
    "error": (Tone(233, 130), Tone(0, 50), Tone(196, 180)),
    "mute": (Tone(523, 90), Tone(392, 90), Tone(262, 150)),
    "unmute": (Tone(262, 90), Tone(392, 90), Tone(523, 150)),
    "denied": (Tone(196, 220),),
    "timer": (Tone(988, 90), Tone(0, 50), Tone(988, 90), Tone(0, 50), Tone(988, 90)),
}


@cache
def earcon(name: str) -> bytes:
    """The earcon called `name`, s16le mono 16 kHz. Raises BoardError for a name that is not in EARCONS."""
    if name not in EARCONS:
        raise BoardError(f"earcon {name!r}: unknown; choose one of {', '.join(EARCONS)}")
    tones = np.concatenate([_tone(tone) for tone in EARCONS[name]])
    pcm: bytes = np.rint(PEAK * tones).astype("<i2").tobytes()
    return pcm


def _tone(tone: Tone) -> npt.NDArray[np.float64]:
    position = np.arange(tone.ms * RATE_HZ // 1000)
    fade = FADE_MS * RATE_HZ // 1000
    to_the_edge = np.minimum(position, position[::-1])
    envelope = 0.5 - 0.5 * np.cos(np.pi * np.minimum(to_the_edge / fade, 1))
    sine: npt.NDArray[np.float64] = envelope * np.sin(2 * np.pi * tone.hz * position / RATE_HZ)
    return sine
