"""The development set: which clips there are, and their sound.

A row of manifest.csv labelled WORD holds the word once; every other row does not.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
import soundfile

WORD = "alexa"
RATE_HZ = 16_000
SPEECH = frozenset({"neg_accented_en", "neg_command", "neg_other_keyword", "neg_read_de", "neg_read_en"})
NOISE = "neg_noise"
TALKERS_S = 2.0  # a talker of the babble is a clip at least as long: shorter ones are a word, over and over
FOLDS = 5

Int16 = npt.NDArray[np.int16]


class Clip(NamedTuple):
    """A row of the manifest."""

    file: str
    group: str
    seconds: float
    positive: bool
    fold: int
    """All clips of a speaker are in one; where the speaker is unknown a clip stands for itself."""


class Corpus(NamedTuple):
    """What is played: clips with the word, clips without, and what mixes are made of, by fold.

    A clip is mixed with sounds of its own fold: a head that was trained without that has heard neither.
    """

    folder: Path
    positives: list[Clip]
    negatives: list[Clip]
    talkers: Mapping[int, list[Clip]]
    noises: Mapping[int, list[Clip]]

    @property
    def negative_hours(self) -> float:
        return sum(clip.seconds for clip in self.negatives) / 3600

    def sound(self, clip: Clip) -> Int16:
        """Its samples, 16 kHz mono. Raises SystemExit: it is none."""
        return _read(self.folder / clip.file)


def read_corpus(folder: Path, *, quick: bool = False) -> Corpus:
    """The clips of `folder`; with `quick` an eighth of them, the same ones each time."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clips = [_clip(row) for row in rows]
    positives = [clip for clip in clips if clip.positive]
    negatives = [clip for clip in clips if not clip.positive]
    talkers = by_fold(clip for clip in negatives if clip.group in SPEECH and clip.seconds >= TALKERS_S)
    noises = by_fold(clip for clip in negatives if clip.group == NOISE)
    if not (positives and all(talkers.values()) and all(noises.values())):
        raise SystemExit(f"{folder}: too few clips of {WORD!r}, speech or noise; name the development data")
    if quick:
        positives, negatives = eighth(positives), eighth(negatives)
    return Corpus(folder, positives, negatives, talkers, noises)


def by_fold(clips: Iterable[Clip]) -> dict[int, list[Clip]]:
    folds: dict[int, list[Clip]] = {fold: [] for fold in range(FOLDS)}
    for clip in clips:
        folds[clip.fold].append(clip)
    return folds


def _clip(row: Mapping[str, str]) -> Clip:
    speaker = row["speaker"].strip() or row["file"]
    fold = crc32(speaker.encode()) % FOLDS  # as scripts/train_verifier
    return Clip(row["file"], row["group"], float(row["duration_s"]), row["label"] == WORD, fold)


def eighth(clips: Sequence[Clip]) -> list[Clip]:
    return sorted(Random(1).sample(clips, max(1, len(clips) // 8)))


@lru_cache(maxsize=256)
def _read(path: Path) -> Int16:
    samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    if rate_hz != RATE_HZ or samples.shape[1] != 1:
        raise SystemExit(f"{path}: {rate_hz} Hz, {samples.shape[1]} channels; give 16 kHz mono")
    return samples[:, 0]
