"""What a room makes of a click: impulse responses, by the image source method (Allen and Berkley 1979).

pyroomacoustics does the work and is imported when a room is first asked for. Pure: the same room, place and
seed give the same response, to the bit on one machine. Responses are kept: each takes tenths of a second.
"""

from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ
from hardware.errors import NotInstalled, RoomError
from hardware.room.geometry import SPEED_OF_SOUND_M_S, Place, Room

Response = npt.NDArray[np.float32]

KEPT = 256  # responses: 40 MB in a living room
SHIFT_M = 0.08  # echoes of perfectly flat walls arrive in step and whistle: De Sena et al. 2015
_CORRECTIONS = 2


@lru_cache(KEPT)
def impulse_responses(room: Room, place: Place, seed: int = 0) -> Response:
    """What each microphone hears of a click at a place: shape (microphones, samples), read-only.

    The straight way is 1/r, so a clip that was recorded close up comes to 1 m as loud as it is; it arrives
    after its time of flight. Walls absorb all frequencies alike, and so much that the room's RT60 is what is
    measured in its middle. The seed moves each echo, not the straight way, by up to 8 cm along each axis.
    Raises RoomError for a place that is not in the room, NotInstalled without pyroomacoustics.
    """
    position = room.position(place)
    absorbed = _absorption(room.size_m, room.rt60_s) if room.rt60_s else 1.0
    order = _order(room) if room.rt60_s else 0
    rows = _rendered(room.size_m, absorbed, order, (position, room.microphones()), seed)
    late_samples = int(
        (1.2 * room.rt60_s + 0.01 + place.distance_m / SPEED_OF_SOUND_M_S) * RATE_HZ
    )  # -60 dB and more
    response = np.zeros((len(rows), min(late_samples, max(map(len, rows)))), np.float32)
    for taps, row in zip(response, rows, strict=True):
        taps[: len(row)] = row[: len(taps)]
    response.setflags(write=False)  # it is kept: the next caller gets the same one
    return response


def check() -> None:
    """Raise NotInstalled without pyroomacoustics: ask before hours of work."""
    _library()


@cache
def _absorption(size_m: tuple[float, float, float], rt60_s: float) -> float:
    """How much energy walls must absorb for this RT60.

    Sabine's formula is a quarter off in a box of bare walls. So it is corrected by what is measured: from -5
    to -35 dB of the decay (T30 of ISO 3382-2), between two places in the middle of the room.
    """
    library = _library()
    sabine, order = _by_sabine(size_m, rt60_s)
    exponent = -np.log1p(-sabine)  # of an echo's energy, per wall
    length, width, height = size_m
    source, microphone = (0.6 * length, 0.4 * width, 0.5 * height), (0.3 * length, 0.6 * width, 0.4 * height)
    for _ in range(_CORRECTIONS):
        places = (source, np.array(microphone)[:, None])
        (row,) = _rendered(size_m, -float(np.expm1(-exponent)), order, places, 0)
        exponent *= library.experimental.measure_rt60(row, RATE_HZ, decay_db=30) / rt60_s
    return -float(np.expm1(-exponent))


def _order(room: Room) -> int:
    return _by_sabine(room.size_m, room.rt60_s)[1]


def _by_sabine(size_m: tuple[float, float, float], rt60_s: float) -> tuple[float, int]:
    """Sabine's absorption, and up to how many reflections sound is still above -60 dB."""
    try:
        absorbed, order = _library().inverse_sabine(rt60_s, size_m)
    except ValueError as error:
        raise RoomError(
            f"RT60 of {rt60_s:g} s: no walls absorb that much in a room so large; give a longer one"
        ) from error
    return min(float(absorbed), 0.99), int(order)


def _rendered(
    size_m: tuple[float, float, float], absorbed: float, order: int, places: tuple[Any, Any], seed: int
) -> list[npt.NDArray[np.float64]]:
    """One response a microphone; `places` are the source's and the microphones', in the room's axes."""
    library = _library()
    source, microphones = places
    box = library.ShoeBox(size_m, fs=RATE_HZ, materials=library.Material(absorbed), max_order=order)
    box.add_microphone_array(microphones)
    box.add_source(source)
    box.image_source_model()
    images = box.sources[0]
    echoes = images.orders > 0
    images.images[:, echoes] += np.random.default_rng(seed).uniform(-SHIFT_M, SHIFT_M, (3, echoes.sum()))
    box.compute_rir()
    lag = (
        library.constants.get("frac_delay_length") // 2
    )  # of the filters that put an echo between two samples
    return [np.asarray(of_sources[0])[lag:] for of_sources in box.rir]


@cache
def _library() -> ModuleType:
    try:
        import pyroomacoustics
        import pyroomacoustics.experimental
    except ImportError as error:
        raise NotInstalled(
            f"rooms need pyroomacoustics ({error}); run scripts/setup .venv study, "
            "or install the wheel with [study] behind its name"
        ) from error
    pyroomacoustics.constants.set(
        "num_threads", 1
    )  # more would add up echoes in an order that depends on the machine
    module: ModuleType = pyroomacoustics
    return module
