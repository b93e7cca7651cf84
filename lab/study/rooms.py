"""Rooms that a study hears its clips in: a distance, a signal-to-noise ratio, and one channel or four added.

What a clip meets follows from its path alone: the same place and the same noise in every condition. So
conditions differ in nothing but what their names say, and can be compared clip by clip. Reads noise from a
folder if told to; never writes.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ
from hardware.room.beam import delay_and_sum, first_channel
from hardware.room.levels import pink, to_pcm
from hardware.room.render import living_room, render
from hardware.room.responses import check
from hardware.sound import FULL_SCALE
from lab.study import room_noise
from lab.study.errors import StudyError, readable

Samples = npt.NDArray[np.float32]
Beam = Literal["first", "delay-and-sum"]
BeamChoice = Literal["first", "delay-and-sum", "both"]

BEAMS: dict[Beam, str] = {"first": "one microphone", "delay-and-sum": "delay-and-sum"}
"""What conditions call a beam."""
PINK = "pink noise"
PLACES = 16
"""So many scenes there are: of where the talker and the noise are, and how the array is turned."""
FLOOR_RMS = 5.0
"""The noise of each microphone itself, in 16-bit steps."""
SNR_DB = (-20.0, 60.0)

_NAME = re.compile(
    r"(?P<distance>[\d.e+]+) m, (?:quiet|(?P<snr>[-\d.e+]+) dB (?P<noise>.+)), (?P<beam>[^,]+)",
    re.DOTALL,  # a folder of noise may be called anything
)


@dataclass(frozen=True)
class Condition:
    """One room: called with a file's path under the folder and its samples, it returns what is heard there.

    Samples are 16 kHz mono, -1 to 1, and as many come out as go in. A clip that was recorded close up is at
    1 m as loud as it is, and further away as much softer as air and walls make it.
    """

    distance_m: float
    snr_db: float | None
    """None is a quiet room: there is only what the microphones make themselves."""
    beam: Beam
    noise: str | None = None
    """The folder of noise; None is pink noise."""

    @property
    def name(self) -> str:
        """As it is called: `3 m, 10 dB pink noise, delay-and-sum`."""
        noise = PINK if self.noise is None else Path(self.noise).name
        around = "quiet" if self.snr_db is None else f"{self.snr_db:g} dB {readable(noise)}"
        return f"{self.distance_m:g} m, {around}, {BEAMS[self.beam]}"

    def __call__(self, file: str, samples: Samples) -> Samples:
        """Hear a file in this room. Raises RoomError, NotInstalled, StudyError: noise that is none."""
        chance = np.random.default_rng(int.from_bytes(hashlib.sha256(file.encode()).digest()))
        scene = living_room(self.distance_m, int(chance.integers(PLACES)))
        noise = None
        if self.snr_db is not None:
            noise = pink(10 * RATE_HZ, chance) if self.noise is None else room_noise.pick(self.noise, chance)
        heard = render(samples * FULL_SCALE, scene, noise, self.snr_db or 0.0, chance)
        channels = to_pcm(heard, chance, FLOOR_RMS).astype(np.float32)
        formed = first_channel(channels) if self.beam == "first" else delay_and_sum(channels)
        return (formed / FULL_SCALE).astype(np.float32)


def conditions(
    distances_m: Sequence[float],
    snrs_db: Sequence[float],
    beam: BeamChoice = "both",
    noise: Path | None = None,
) -> list[Condition]:
    """Every distance at every ratio (a quiet room without one), by one beam or both; each once, sorted.

    Found out before hours of work: raises StudyError (a ratio, a folder of noise), RoomError (a distance that
    the room does not have) and NotInstalled.
    """
    if not distances_m:
        if snrs_db or noise is not None:
            raise StudyError(
                "noise, but no distance to render it at; add --at-m 1, or leave --snr-db and --noise out"
            )
        return []
    check()
    for snr_db in snrs_db:
        if not (isfinite(snr_db) and SNR_DB[0] <= snr_db <= SNR_DB[1]):
            raise StudyError(f"--snr-db {snr_db:g}: out of range; give {SNR_DB[0]:g} to {SNR_DB[1]:g}")
    for distance_m in distances_m:
        for seed in range(PLACES):
            living_room(distance_m, seed)
    folder = None if noise is None else str(noise.resolve())
    if folder is not None:
        room_noise.paths(folder)
    beams: Iterable[Beam] = BEAMS if beam == "both" else (beam,)
    ratios: list[float | None] = [*sorted(set(snrs_db), reverse=True)] or [None]
    return [
        Condition(distance_m, snr_db, each, None if snr_db is None else folder)
        for distance_m in sorted(set(distances_m))
        for snr_db in ratios
        for each in beams
    ]


def read_name(name: str) -> tuple[float, str, Beam] | None:
    """Distance, what is around (`quiet`, `10 dB pink noise`) and beam of a condition's name, or None."""
    found = _NAME.fullmatch(name)
    beams = {text: beam for beam, text in BEAMS.items()}
    if found is None or found["beam"] not in beams:
        return None
    around = f"{found['snr']} dB {found['noise']}" if found["snr"] else "quiet"
    return float(found["distance"]), around, beams[found["beam"]]
