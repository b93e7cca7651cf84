"""What is wrong with a microphone that gives frames all the same: silent, constant, clipped, humming, or with
holes in what it gives. Pure.

It judges numbers (`mic_look` makes them of a frame, now and then) and will never be shown a sample. One
frame proves nothing: a fault is what looked the same for three seconds, and a microphone is sound again once
nothing has looked wrong for one, in a frame that is quieter than what was wrong: a voice over a hum is no end
of the hum.
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import Literal, NamedTuple

from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.errors import Fault

LOUD = 328.0
"""Rms in steps of 16 bits (1 % of full scale) from which a hum matters: a quiet one is a room's, with a
fridge in it.
"""

NEARLY_ALL = 0.85
"""So much of a humming frame's power is mains: what is left is what it drowns."""

REMEDIES: dict[Fault, tuple[str, str]] = {
    "unplugged": ("not there", "plug it in"),
    "wedged": ("it gives no frame any more", "unplug it and plug it in again"),
    "silent": ("nothing but zeros", "check its cable, channel and gain: no room is so silent"),
    "constant": ("always the same value", "check its cable, or unplug it and plug it in again"),
    "humming": ("it hums with the mains", "unplug it and plug it in again, or give it another power supply"),
    "clipped": ("at full scale most of the time", "turn the gain down, or find what is so loud"),
    "overrunning": ("samples are lost again and again", "find what keeps this machine so busy: top"),
    "held": ("closed, and still open for the kernel", "pull its plug, and find who has it: fuser /dev/snd/*"),
}
"""What each fault is, in words, and what to do about it."""

_SELDOM = 61
"""Frames between two looks while all is well. A look costs a fifth of what the ears cost for a frame."""

_OFTEN = (7, 9)
"""Frames between two looks while something looks wrong, in turn: a note that comes round in the one does not
in the other, as the mains do in both.
"""

_FOUND, _SOUND = 3 * RATE_HZ, RATE_HZ
"""How long something must look wrong to be a fault, and nothing must to be none."""

_MANY, _CALM = 3, 5 * RATE_HZ
"""So many losses within `_FOUND` are a fault, until there was none for `_CALM`. A wake word takes most of a
second, and the ears begin anew at each loss.
"""

_CLIPPED = 0.2
"""This part of a frame at full scale is no shout."""

_STEADY = 0.25
"""A hum keeps its level within this; speech and music do not for three seconds."""

_TURN = 0.1
"""Cycles that a line of the mains may run ahead or stay behind between two looks. A note that is no multiple
of the mains' frequency does more.
"""


class Look(NamedTuple):
    """One frame in numbers; `sample` is its first.

    `flat` is its one value, give or take a step, if it has no more; `rms`, about its mean, is in steps of 16
    bits, `full` the part of it at full scale. `mains` is the part of its power at the multiples of 50 or 60
    Hz, whichever are more, and `turns` the phase in cycles of each strong one, by its frequency, as if it had
    sounded since sample 0. Both are looked for from `LOUD` on.
    """

    sample: int
    flat: int | None
    rms: float
    full: float
    mains: float = 0.0
    turns: Mapping[int, float] = {}


class MicFault:
    """Judges one stream. `digital_silence`: nothing but zeros may be all that there is to hear."""

    def __init__(self, *, digital_silence: bool) -> None:
        self._digital_silence = digital_silence
        self._drowns = math.inf
        self.forget(0)

    def forget(self, now: int) -> None:
        """Begin anew: another stream begins at sample `now`, and is neither sound nor faulty yet. How loud
        the last one's fault was is kept: it may be there again.
        """
        self.due = self._since = self._wrong_at = now
        self._suspect: Fault | None = None
        self._first = self._last = Look(now, None, 0.0, 0.0)

    def judge(self, look: Look) -> Fault | Literal["well"] | None:
        """Return the fault that has been there long enough, "well" after a second without any in which
        nothing can hide, else None. The next look is wanted at sample `due`.
        """
        suspect = self._seems(look)
        goes_on = suspect is not None and suspect == self._suspect
        if suspect == "humming" and goes_on and not self._hums_on(look):
            suspect, goes_on = None, False  # a voice, or a note
        if goes_on:
            self._wrong_at = look.sample
        else:
            self._since, self._first = look.sample, look
        self._suspect, self._last = suspect, look
        sound = look.sample - self._wrong_at >= _SOUND
        number = look.sample // FRAME_SAMPLES
        self.due = look.sample + FRAME_SAMPLES * (_OFTEN[number % 2] if suspect or not sound else _SELDOM)
        if goes_on and look.sample - self._since >= _FOUND:
            self._drowns = (1 - _STEADY) * self._first.rms or math.inf
            return suspect
        if not sound or suspect is not None or look.rms >= self._drowns:
            return None
        self._drowns = math.inf
        return "well"

    def _seems(self, look: Look) -> Fault | None:
        """What this one frame could be a sign of."""
        if look.flat is not None:
            if look.flat:
                return "constant"
            return None if self._digital_silence else "silent"
        if look.full >= _CLIPPED:
            return "clipped"
        return "humming" if look.rms >= LOUD and look.mains >= NEARLY_ALL else None

    def _hums_on(self, look: Look) -> bool:
        """Whether it is still the hum that was there at the look before: as loud as ever, and in step."""
        steady = abs(look.rms - self._first.rms) <= _STEADY * self._first.rms
        return steady and in_step(self._last.turns, look.turns)


class Losses:
    """Counts how often samples were lost, at which sample each time."""

    def __init__(self) -> None:
        self._last: deque[int] = deque([-_CALM] * _MANY, _MANY)
        self._many = False

    def add(self, now: int) -> None:
        """Some were lost just before sample `now`."""
        self._last.append(now)

    def many(self, now: int) -> bool:
        """Whether it is too often: as many as that in so short a time, and no calm since."""
        calm = now - self._last[-1] >= _CALM
        self._many = not calm and (self._many or self._last[-1] - self._last[0] <= _FOUND)
        return self._many


def in_step(before: Mapping[int, float], now: Mapping[int, float]) -> bool:
    """Whether the lines that are strong at both looks, at least one, have kept their phase."""
    common = before.keys() & now.keys()
    return bool(common) and all(_apart(before[hz], now[hz]) <= _TURN for hz in common)


def _apart(one: float, other: float) -> float:
    """How many cycles lie between two phases, the shorter way round."""
    return abs((one - other + 0.5) % 1.0 - 0.5)
