"""Tracks into examples: what the second ear would be asked, and what it should say.

A recording with the word is a wish to say yes at each moment it may be asked after the proposal that belongs
to the word; everything a recording without the word proposes is a wish to say no, and so is the rest of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.wakeword.embedding import Floats
from lab.teaching.track import ASKED_ROWS, COUNT, Track

SIZE = COUNT * 96
_HARD = 5.0  # a proposal counts as much as five other moments
_EVERY_ROWS = 12
_PROPOSING = 0.05  # below what the firmware proposes at, so that there is more to learn from


class Examples(NamedTuple):
    """`x` shape (n, SIZE) float32, `y` 1 for yes, `weight`, and `of`: the number of the recording of each."""

    x: Floats
    y: npt.NDArray[np.int8]
    weight: Floats
    of: npt.NDArray[np.int32]


def of_the_word(track: Track, number: int, weight: float = 1.0) -> Examples | None:
    """Return what to say yes to in a recording with the word; None when the first ear never proposes."""
    proposals = track.proposals(_PROPOSING)
    if not proposals:
        return None
    peak = int(np.argmax(track.scores)) * 3 + 2
    begun = max([row for row in proposals if row <= peak], default=proposals[0])
    return _examples(track, [begun + later for later in ASKED_ROWS], 1, weight, number)


def of_anything_else(track: Track, number: int, begin_row: int = 8) -> Examples:
    """Return what to say no to in a recording without the word."""
    anywhere = list(range(begin_row, track.rows, _EVERY_ROWS))
    asked = [row + later for row in track.proposals(_PROPOSING / 2) for later in ASKED_ROWS]
    easy = _examples(track, anywhere, 0, 1.0, number)
    return joined([easy, _examples(track, asked, 0, _HARD, number)])


def joined(parts: Sequence[Examples]) -> Examples:
    """Return all of them as one."""
    return Examples(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _examples(track: Track, rows: list[int], answer: int, weight: float, number: int) -> Examples:
    rows = [row for row in rows if row < track.rows]
    x = track.windows(rows) if rows else np.zeros((0, SIZE), np.float32)
    n = len(rows)
    return Examples(
        x.astype(np.float32),
        np.full(n, answer, np.int8),
        np.full(n, weight, np.float32),
        np.full(n, number, np.int32),
    )
