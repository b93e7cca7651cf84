"""Sounds for the twin's room: WAV, FLAC and whatever else libsndfile reads, as a stream of 16 kHz mono.

A file is read a second at a time and never held whole. Nothing is normalised, trimmed or dithered: a 16 kHz
mono 16-bit file comes out bit for bit. A WAV cut short plays what it holds, as in every player; a damaged
FLAC is an error where the damage is.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from os.path import isfile
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from hardware.board import RATE_HZ
from hardware.errors import SoundError

Samples = npt.NDArray[np.float32]  # 16 kHz mono, in steps of a 16-bit sample: -32768.0 to 32767.0
FULL_SCALE = np.float32(32768)


class FileSound:
    """A sound in a file of any rate; `channel` counts from 0, None is the mean of all channels.

    `samples` is its length at 16 kHz. Raises SoundError when there is nothing in it to play; the file is
    closed again before this returns.
    """

    def __init__(self, path: str | PathLike[str], channel: int | None = None) -> None:
        self._path = fspath(path)
        self._channel = channel
        with self._file() as file:
            self.samples: int = -(-file.frames * RATE_HZ // file.samplerate)
            if not file.frames:
                raise SoundError(f"{self._path}: holds no samples; record it again")
            if channel is not None and not 0 <= channel < file.channels:
                raise SoundError(
                    f"{self._path}: no channel {channel} among {file.channels}; count channels from 0"
                )

    def pieces(self) -> Generator[Samples, None, None]:
        """The sound from its start, in pieces of about a second; SoundError where the file is damaged."""
        with self._file() as file:
            rate_hz = file.samplerate
            blocks = file.blocks(blocksize=rate_hz, dtype="float32", always_2d=True)
            mono = (self._mono(block) for block in blocks)
            yield from mono if rate_hz == RATE_HZ else _resampled(mono, rate_hz)

    def _mono(self, block: Samples) -> Samples:
        if self._channel is not None:
            chosen = block[:, self._channel]
        elif block.shape[1] == 1:
            chosen = block[:, 0]
        else:
            chosen = block.mean(axis=1)
        return _in_steps(chosen, self._path)

    @contextmanager
    def _file(self) -> Iterator[Any]:
        if not isfile(self._path):
            raise SoundError(f"{self._path}: no such file; give a WAV or FLAC file")
        if self._path.lower().endswith(".raw"):
            raise SoundError(f"{self._path}: raw audio has no format; give a WAV or FLAC file")
        try:
            with soundfile.SoundFile(self._path) as file:
                yield file
        except soundfile.SoundFileError as error:
            reason = str(error).rpartition(": ")[2].rstrip(".\n")
            raise SoundError(f"{self._path}: {reason}; give a WAV or FLAC file that plays") from error


class ArraySound:
    """A sound held in memory: a one-dimensional array at 16 kHz, int16, or floats from -1 to 1."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        if array.ndim != 1 or not array.size:
            raise SoundError(f"array of shape {array.shape}: not one channel of sound; give a 1-D array")
        if array.dtype == np.int16:
            self._whole = array.astype(np.float32)
        elif np.issubdtype(array.dtype, np.floating):
            self._whole = _in_steps(array.astype(np.float32), "array")
        else:
            raise SoundError(f"array of {array.dtype}: not audio; give int16, or floats from -1 to 1")
        self.samples = len(array)

    def pieces(self) -> Generator[Samples, None, None]:
        """The sound, whole."""
        yield self._whole


Sound = FileSound | ArraySound


def _in_steps(floats: Samples, where: str) -> Samples:
    if not np.isfinite(floats).all():
        raise SoundError(f"{where}: a sample is not a number; write the file again")
    return floats * FULL_SCALE


def _resampled(pieces: Iterable[Samples], rate_hz: int) -> Iterator[Samples]:
    stream = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
    for piece in pieces:
        yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
