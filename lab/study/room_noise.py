"""Noise for rooms, from a folder of audio. Reads it, a file at a time; never writes."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.errors import SoundError
from hardware.room.levels import Samples
from hardware.sound import FileSound
from lab.study import files
from lab.study.errors import StudyError

SILENT_DB = 50.0
"""A frame so far below the loudest is a pause of the noise."""
LONGEST_S = 300
"""Of a longer file only so much is used."""


@lru_cache(8)
def paths(folder: str) -> tuple[str, ...]:
    """The folder's audio, each file known to open. Raises StudyError."""
    if not Path(folder).is_dir():
        raise StudyError(f"{folder}: no such folder; name one that has WAV, FLAC, OGG or MP3 files of noise")
    found = tuple(str(sound.path) for sound in files.find(Path(folder)).sounds)
    for path in found:
        _file(path)
    return found


def pick(folder: str, chance: np.random.Generator) -> Samples:
    """The noise of one file that `chance` picks, 16 kHz mono in 16-bit steps; a silent one is passed over.

    Its pauses are cut out: in them there would be no noise, whatever the ratio. Raises StudyError: a file
    that breaks off, or nothing but silence.
    """
    among = paths(folder)
    first = int(chance.integers(len(among)))
    for path in (*among[first:], *among[:first]):
        noise = _sound(path)
        if len(noise):
            return noise
    raise StudyError(f"{folder}: nothing but silence in it; name a folder of noise")


@lru_cache(16)
def _sound(path: str) -> Samples:
    held: list[Samples] = []
    try:
        for piece in _file(path).pieces():
            held.append(piece)
            if sum(map(len, held)) >= LONGEST_S * RATE_HZ:
                break
    except SoundError as error:
        raise StudyError(str(error)) from error
    whole = np.concatenate(held)
    frames = np.pad(whole, (0, -len(whole) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    power = np.square(frames).mean(axis=1)
    loud: Samples = frames[(power > 0) & (power >= power.max() * 10 ** (-SILENT_DB / 10))].ravel()
    return loud


def _file(path: str) -> FileSound:
    try:
        return FileSound(path)
    except SoundError as error:
        raise StudyError(str(error)) from error
