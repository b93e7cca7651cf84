"""The recordings to learn from: a folder with manifest.csv, which says what each file holds, in whose voice.

Reading only.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from hardware.board import RATE_HZ
from hardware.room.levels import Samples
from lab.errors import LabError


class Recording(NamedTuple):
    """One file."""

    path: Path
    file: str
    label: str
    group: str
    speaker: str
    """Whose voice it is; where that is unknown the file stands for itself."""
    seconds: float

    @property
    def made_up(self) -> bool:
        """Whether it was made by scripts/make_spoken_words, and is nobody's voice."""
        return self.group.startswith("spoken")

    def samples(self) -> Samples:
        """Read it, in steps of a 16-bit sample. Raises LabError: it can't be read, or isn't 16 kHz mono."""
        try:
            sound, rate = soundfile.read(self.path, dtype="float32")
        except (soundfile.SoundFileError, OSError) as error:
            raise LabError(f"{self.path}: {error}; give a file that plays") from error
        if rate != RATE_HZ or sound.ndim != 1:
            raise LabError(f"{self.path}: {rate} Hz, {sound.ndim} dimensions; give 16 kHz mono")
        samples: Samples = (sound * np.float32(32_768)).astype(np.float32)
        return samples


def read_corpus(folder: Path) -> list[Recording]:
    """Return all that the manifest names. Raises LabError: no manifest, or a column is missing."""
    path = folder / "manifest.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_recording(folder, row) for row in csv.DictReader(file)]
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}; name a folder with a manifest.csv") from error
    except (KeyError, ValueError) as error:
        raise LabError(f"{path}: {error}; it needs file, label, group, speaker and duration_s") from error


def split(recordings: Iterable[Recording], parts: int) -> dict[str, int]:
    """Return the part, 0 to `parts` - 1, of every file: a speaker's are all in one, and each has as many.

    Dealt out label by label, so that no part lacks those who say the word.
    """
    by_label: dict[str, dict[str, list[str]]] = {}
    for each in recordings:
        by_label.setdefault(each.label, {}).setdefault(each.speaker, []).append(each.file)
    of: dict[str, int] = {}
    for speakers in by_label.values():
        sizes = [0] * parts
        for _, files in sorted(speakers.items(), key=lambda one: (-len(one[1]), one[0])):
            part = sizes.index(min(sizes))
            sizes[part] += len(files)
            of |= dict.fromkeys(files, part)
    return of


def _recording(folder: Path, row: dict[str, str]) -> Recording:
    speaker = row["speaker"].strip() or row["file"]
    return Recording(
        folder / row["file"], row["file"], row["label"], row["group"], speaker, float(row["duration_s"])
    )
