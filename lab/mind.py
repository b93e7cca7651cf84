"""What the laboratory's clouds hear with: one mind for all clouds of a process, since it takes a second to
open, that hears the same sound once a minute at most. Clouds outside of a laboratory remember no sound.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloud_stub.response import Answer, Mind

_SOUNDS = 64
"""Remembered at once: of the longest utterances, 30 MB."""


class _Remembering:
    """A mind that answers what it has heard already as it did; the time of day is a part of some answers."""

    def __init__(self, mind: Mind) -> None:
        self._once_a_minute = lru_cache(_SOUNDS)(lambda pcm, _minute: mind.answer(pcm))

    def answer(self, pcm: bytes) -> Answer:
        """Answer one complete utterance (s16le mono 16 kHz)."""
        return self._once_a_minute(pcm, datetime.now().astimezone().replace(second=0, microsecond=0))


@cache
def shared_mind() -> Mind:
    """The mind, opened the first time."""
    from cloud_stub.hearing import open_mind

    return _Remembering(open_mind())
