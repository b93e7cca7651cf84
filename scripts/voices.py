"""Every free voice at hand, as fast and high as mouths differ: espeak-ng, flite, festival, as installed.

The speech is made here and is nobody's.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

ESPEAK = ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-us-nyc", "en-029", "en-gb-x-gbclan"]
FLITE = ["kal16", "awb", "rms", "slt"]
FESTIVAL = ["kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"]
ODD = ("robo", "announcer", "demonic", "fast", "unirobot", "whisper", "tweaky", "croak")


class Voice(NamedTuple):
    """A way to speak: which program, whose voice, how fast and how high."""

    engine: str
    name: str
    rate: float
    pitch: float

    def command(self, text: str, wav: str) -> list[str]:
        if self.engine == "espeak":
            rate, pitch = str(round(165 * self.rate)), str(round(50 * self.pitch))
            return ["espeak-ng", "-v", self.name, "-s", rate, "-p", pitch, "-w", wav, text]
        if self.engine == "flite":
            stretch = f"duration_stretch={1 / self.rate:.3f}"
            return ["flite", "-voice", self.name, "--setf", stretch, "-t", text, "-o", wav]
        stretch = f"(Parameter.set 'Duration_Stretch {1 / self.rate:.3f})"
        return ["text2wave", "-eval", f"(voice_{self.name})", "-eval", stretch, "-o", wav]


def voices(count: int, chance: random.Random) -> Iterator[Voice]:
    """`count` ways to speak, of as many engines and voices as there are."""
    makers = []
    if shutil.which("espeak-ng"):
        listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True)
        variants = [line.split()[-2] for line in listed.stdout.splitlines()[1:]]
        usable = [
            v.removeprefix("!v/")
            for v in variants
            if v.startswith("!v/") and not any(odd in v.lower() for odd in ODD)
        ]
        makers += [lambda: ("espeak", f"{chance.choice(ESPEAK)}+{chance.choice(usable)}")] * 5
    if shutil.which("flite"):
        makers += [lambda: ("flite", chance.choice(FLITE))] * 2
    if shutil.which("text2wave"):
        makers += [lambda: ("festival", chance.choice(FESTIVAL))]
    if not makers:
        raise SystemExit("voices: none at hand; install espeak-ng, flite or festival")
    for _ in range(count):
        engine, name = chance.choice(makers)()
        yield Voice(engine, name, chance.uniform(0.75, 1.3), chance.uniform(0.6, 1.5))


def speak(voice: Voice, text: str, chance: random.Random) -> np.ndarray | None:
    """What it sounds like, 16 kHz; faster or slower on top, so that mouths differ. None: it failed."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        stdin = text if voice.engine == "festival" else None
        done = subprocess.run(
            voice.command(text, wav.name), input=stdin, text=True, capture_output=True, check=False
        )
        if done.returncode or Path(wav.name).stat().st_size < 4_000:
            return None
        sound, rate = soundfile.read(wav.name, dtype="float32")
    factor = chance.uniform(0.88, 1.15) if voice.engine != "espeak" else 1.0
    sound = soxr.resample(sound, rate, 16_000 / factor)
    return (0.5 * sound / max(np.abs(sound).max(), 1e-6)).astype(np.float32)
