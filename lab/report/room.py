"""The sound of the room as a shape: the lowest and highest sample of every column of the picture.

The file is read in blocks, so an hour of audio costs as much memory as a second.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from lab.report.axis import RATE_HZ, Axis
from lab.report.errors import ReportError

READ_SAMPLES = 1 << 16
"""How much audio is in memory at a time: 4 s, 128 kB."""

Columns = npt.NDArray[np.float64]


def room_samples(path: Path) -> int:
    """Return the length of room.flac in samples.

    Raises:
        ReportError: it is absent, no sound file, or not 16 kHz mono.
    """
    try:
        info = soundfile.info(str(path))
    except (OSError, soundfile.SoundFileError) as error:
        raise ReportError(f"{path.name}: no sound can be read from it; run the scenario again") from error
    if (info.samplerate, info.channels) != (RATE_HZ, 1):
        raise ReportError(f"{path.name}: not {RATE_HZ} Hz mono; convert it with sox -r 16k -c 1")
    return int(info.frames)


def shape(path: Path, axis: Axis) -> tuple[Columns, Columns]:
    """Return the lowest and highest sample (-1..1) of each column of `axis`; silence is (0, 0).

    Columns past the end of the file are silence too. Samples before the axis are skipped, not read.
    """
    low, high = np.zeros(axis.columns), np.zeros(axis.columns)
    with soundfile.SoundFile(str(path)) as file:
        at = max(0, axis.first)
        end = min(file.frames, axis.end)
        if at >= end:
            return low, high
        file.seek(at)
        while at < end:
            pcm = file.read(min(READ_SAMPLES, end - at), dtype="int16")
            if len(pcm) == 0:
                break
            _fold(pcm, at, axis, low, high)
            at += len(pcm)
    return low / 32768, high / 32768


def _fold(pcm: npt.NDArray[np.int16], at: int, axis: Axis, low: Columns, high: Columns) -> None:
    """Widen the columns that these samples fall into."""
    column = (np.arange(at, at + len(pcm)) - axis.first) * axis.columns // axis.samples
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    touched = column[starts]
    low[touched] = np.minimum(low[touched], np.minimum.reduceat(pcm, starts))
    high[touched] = np.maximum(high[touched], np.maximum.reduceat(pcm, starts))
