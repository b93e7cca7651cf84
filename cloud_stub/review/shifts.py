"""How much a listener may be asked to hear: a cap a shift, breaks, and rest after what was stopped. Pure.

The people of 2019 heard up to a thousand recordings in nine hours. The cap here is a setting with a
ceiling far
below.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from cloud_stub.config import ReviewSection

SHIFT = timedelta(hours=9)
PAUSE = timedelta(minutes=10)
"""Whoever hears nothing for so long has had a break."""


class Rest(NamedTuple):
    """Until when nobody is to be asked, and why, in words for them."""

    until: datetime
    why: str


def rest(
    taken: Sequence[datetime], stopped: Sequence[datetime], now: datetime, settings: ReviewSection
) -> Rest | None:
    """The rest a listener is due, from when they took tasks and when they stopped one; None to go on."""
    after_stop = timedelta(seconds=settings.after_stop_s)
    if stopped and now < max(stopped) + after_stop:
        return Rest(max(stopped) + after_stop, "you stopped a recording: nothing is asked of you for a while")
    recent = sorted(each for each in taken if each > now - SHIFT)
    if len(recent) >= settings.per_shift:
        return Rest(recent[-settings.per_shift] + SHIFT, "that is a whole shift: thank you, enough for today")
    return _break_due(recent, now, settings)


def _break_due(recent: Sequence[datetime], now: datetime, settings: ReviewSection) -> Rest | None:
    """A break after so much work on end, counted from the first task after the last pause."""
    if not recent:
        return None
    begun = recent[0]
    for one, next_one in pairwise(recent):
        begun = next_one if next_one - one >= PAUSE else begun
    if now - recent[-1] >= PAUSE or now - begun < timedelta(seconds=settings.work_s):
        return None
    return Rest(recent[-1] + PAUSE, "time for a break of ten minutes")
