"""Recordings into the words in them: where the first ear hears the word, and the second of sound before it.

Any format, rate and number of channels that `overheard-lab hear` takes. Only reads.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.wakeword.features import ROWS
from hardware.board import RATE_HZ
from hardware.room.levels import Samples
from lab.enrol.errors import EnrolError
from lab.hear import AudioError, pieces
from lab.study import files
from lab.teaching.track import Listener, Track

_SURE = 0.5  # a recording of the word is one that the first ear is this sure of; the firmware proposes below
_APART_ROWS = 100
_ROW_SAMPLES = RATE_HZ // 100
_BEFORE, _AFTER = RATE_HZ * 3 // 2, RATE_HZ * 6 // 10
_PIECE = RATE_HZ * 60

Int16 = npt.NDArray[np.int16]


class Word(NamedTuple):
    """One time that somebody says the word, and up to 1.5 s of what was heard before."""

    file: Path
    samples: Samples


def listed(given: Sequence[Path]) -> list[Path]:
    """Return files as they are and folders as the audio in them. Raises StudyError: a folder without any."""
    return [
        path
        for each in given
        for path in ([s.path for s in files.find(each).sounds] if each.is_dir() else [each])
    ]


def read(path: Path) -> Int16:
    """Return a whole recording, 16 kHz mono. Raises EnrolError: it cannot be read to its end."""
    try:
        return np.frombuffer(b"".join(pieces(path)), "<i2").astype(np.int16)
    except AudioError as error:
        raise EnrolError(str(error)) from error


def words_in(path: Path, listener: Listener) -> list[Word]:
    """Return each time the word is heard in a recording, in order; none where the first ear is never sure."""
    pcm = np.pad(read(path), (0, _AFTER))
    found, begin = [], 0
    for row in _peaks(listener.hear(pcm)):
        at = row * _ROW_SAMPLES
        cut = pcm[max(begin, at - _BEFORE) : at + _AFTER]
        found.append(Word(path, cut.astype(np.float32)))
        begin = at + _AFTER // 2
    return found


def minutes(paths: Iterable[Path]) -> Iterator[Int16]:
    """Yield recordings minute by minute, each with the silence in which a late wake would come."""
    for path in paths:
        pcm = read(path)
        for at in range(0, len(pcm), _PIECE):
            yield np.pad(pcm[at : at + _PIECE], (0, _AFTER))


def _peaks(track: Track) -> list[int]:
    """The rows at which the first ear is surest, `_APART_ROWS` apart at least, in order."""
    scores, rows = track.scores.copy(), []
    while scores.size and scores.max() > _SURE:
        step = int(np.argmax(scores))
        rows.append((step + 1) * ROWS)
        scores[max(0, step - _APART_ROWS // ROWS) : step + _APART_ROWS // ROWS] = 0
    return sorted(rows)
