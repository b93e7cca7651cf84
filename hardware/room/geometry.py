"""Where things are: a living room, the microphones in it, and the places of talkers and noises around them.

Metres, and degrees counted from the array's own x axis, anticlockwise as seen from above; the room's x axis
runs along its length. Pure: knows no sound.
"""

from dataclasses import dataclass
from math import hypot, isfinite

import numpy as np
import numpy.typing as npt

from hardware.errors import RoomError

Positions = npt.NDArray[np.float64]

SPEED_OF_SOUND_M_S = 343.0  # at 20 degrees
MARGIN_M = 0.3  # nobody's mouth is nearer to a wall
RT60_S = (0.1, 1.0)

# ReSpeaker USB 4 Mic Array (Mic Array v2.0): on its axes, 32 mm from the centre. The order is that of raw
# channels 1 to 4 of its 6-channel firmware: odas.cfg of github.com/respeaker/usb_4_mic_array; introlab/odas
# agrees, in config/odaslive/respeaker_usb_4_mic_array.cfg.
RESPEAKER_M = ((-0.032, 0.0, 0.0), (0.0, -0.032, 0.0), (0.032, 0.0, 0.0), (0.0, 0.032, 0.0))


@dataclass(frozen=True)
class Room:
    """A room with flat walls, and an array in it. Raises RoomError for one that cannot be.

    The default is a living room with the array on a sideboard at one end, so that a talker fits in at 5 m.
    """

    size_m: tuple[float, float, float] = (6.6, 4.6, 2.6)
    """Length, width and height."""
    rt60_s: float = 0.45
    """How long sound takes to die away by 60 dB, 0.1 to 1.0; 0 is no walls at all: not one echo."""
    array_m: tuple[float, float, float] = (0.8, 2.3, 0.9)
    """The array's centre: along the length, along the width, above the floor."""
    facing_deg: float = 0.0
    """Where in the room the array's own x axis points."""
    microphones_m: tuple[tuple[float, float, float], ...] = RESPEAKER_M
    """Of each microphone, from the array's centre and in its own axes."""

    def __post_init__(self) -> None:
        numbers = (*self.size_m, self.rt60_s, *self.array_m, self.facing_deg)
        if not all(isfinite(number) for number in numbers) or min(self.size_m) < 2 * MARGIN_M:
            raise RoomError(f"a room of {_metres(self.size_m)}: no room; give three lengths in metres")
        if self.rt60_s != 0 and not RT60_S[0] <= self.rt60_s <= RT60_S[1]:
            raise RoomError(
                f"RT60 of {self.rt60_s:g} s: not that of a home; choose {RT60_S[0]} to {RT60_S[1]} s, or 0"
            )
        if not self.holds(self.array_m, margin_m=0.1):
            raise RoomError(
                f"array at {_metres(self.array_m)}: not in a room of {_metres(self.size_m)}; move it"
            )

    def holds(self, position_m: tuple[float, float, float], margin_m: float = MARGIN_M) -> bool:
        """Whether a position lies inside, `margin_m` from every wall."""
        return all(
            margin_m <= at <= size - margin_m for at, size in zip(position_m, self.size_m, strict=True)
        )

    def microphones(self) -> Positions:
        """Where in the room the microphones are, shape (3, microphones)."""
        turn = np.radians(self.facing_deg)
        axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        at: Positions = np.asarray(self.array_m)[:, None] + axes @ np.asarray(self.microphones_m).T
        return at

    def position(self, place: "Place") -> tuple[float, float, float]:
        """Where in the room a place is. Raises RoomError when it is not in the room."""
        x, y, z = self.array_m
        flat_m2 = place.distance_m**2 - (place.height_m - z) ** 2
        if not flat_m2 > 0:
            raise RoomError(
                f"{place.distance_m:g} m from an array {z:g} m above the floor: too near for"
                f" a height of {place.height_m:g} m; go further away"
            )
        bearing = np.radians(self.facing_deg + place.angle_deg)
        at = (
            x + float(flat_m2**0.5 * np.cos(bearing)),
            y + float(flat_m2**0.5 * np.sin(bearing)),
            place.height_m,
        )
        if not self.holds(at):
            raise RoomError(
                f"{place.distance_m:g} m at {place.angle_deg:g} degrees: outside a room of"
                f" {_metres(self.size_m)}, or in its walls; come nearer, or give a larger room"
            )
        return at

    def place(self, position_m: tuple[float, float, float]) -> "Place":
        """What is at a position of the room, as the array sees it."""
        x, y, z = (float(at - here) for at, here in zip(position_m, self.array_m, strict=True))
        angle_deg = float(np.degrees(np.arctan2(y, x))) - self.facing_deg
        return Place(hypot(x, y, z), angle_deg % 360, position_m[2])


@dataclass(frozen=True)
class Place:
    """Where a talker's mouth or a noise is, as the array sees it."""

    distance_m: float
    """From the array's centre, as the crow flies."""
    angle_deg: float = 0.0
    """From the array's x axis."""
    height_m: float = 1.4
    """Above the floor: between a mouth that sits and one that stands."""


def _metres(lengths: tuple[float, ...]) -> str:
    return " x ".join(f"{length:g}" for length in lengths) + " m"
