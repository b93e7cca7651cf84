"""Recordings of people, most of them without any number: what is hidden of them, for nothing."""

import csv
import random
from pathlib import Path

import numpy as np
import soundfile

from cloud_stub.hearing.timed import open_timed
from critical import speech
from critical.speech import Outcome, judge

GROUPS = ("neg_read_en", "neg_accented_en", "neg_command")
SHORTEST_S, ALL_S = 3.0, 300.0


def clips(folder: Path, chance: random.Random) -> list[Path]:
    """Five minutes of the clips of people, drawn from manifest.csv (file, group, duration_s)."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] in GROUPS]
    chance.shuffle(rows)
    drawn, total_s = [], 0.0
    for row in rows:
        length_s = float(row["duration_s"])
        if length_s >= SHORTEST_S and total_s + length_s <= ALL_S:
            drawn.append(folder / row["file"])
            total_s += length_s
    return drawn


def outcome(path: Path) -> Outcome:
    """Hear one and guard it."""
    if not speech._ears:
        speech._ears.append(open_timed())
    samples, rate_hz = soundfile.read(path, dtype="int16")
    if rate_hz != speech.RATE_HZ:
        raise ValueError(f"{path}: {rate_hz} Hz; give recordings at 16 kHz")
    sound = np.asarray(samples)
    return judge("", sound, (0, 0), speech._ears[0](sound.tobytes()))
