"""Speech at a distance, noise from another place: what four microphones in a room hear of both.

Pure: seeds and generators come in as arguments. It knows talkers that stand still, speak in every direction
alike and say one clip; it never moves anybody.
"""

from dataclasses import dataclass

import numpy as np

from hardware.errors import RoomError
from hardware.room.geometry import Place, Room
from hardware.room.levels import Samples, at_snr, excerpt
from hardware.room.responses import Response, impulse_responses

AHEAD_DEG = 20.0  # a talker is at most so far off the room's length: at 5 m the walls leave no more
APART_DEG = 45.0  # noise comes from at least so far beside the talker
_NOISE_FROM_M = 1.0
_HEIGHTS_M = (1.1, 1.7)  # of a mouth: sitting, standing
_NOISE_HEIGHTS_M = (0.5, 1.6)  # kettle, television, another mouth


@dataclass(frozen=True)
class Scene:
    """A room, who is where in it, and the seed of its echoes."""

    room: Room
    talker: Place
    noise: Place
    seed: int = 0


def living_room(distance_m: float, seed: int = 0, room: Room | None = None) -> Scene:
    """A scene with a talker at a distance; the seed chooses the rest.

    The array is turned in any direction, so the talker is at any angle to it; the noise is at least 1 m away
    and 45 degrees beside the talker. Raises RoomError when the room does not hold the talker.
    """
    chance = np.random.default_rng((seed, 1))
    room = room or Room()
    facing_deg, ahead_deg = float(chance.uniform(0, 360)), float(chance.uniform(-AHEAD_DEG, AHEAD_DEG))
    turned = Room(room.size_m, room.rt60_s, room.array_m, facing_deg, room.microphones_m)
    talker = Place(distance_m, (ahead_deg - facing_deg) % 360, float(chance.uniform(*_HEIGHTS_M)))
    turned.position(talker)
    return Scene(turned, talker, _elsewhere(turned, talker, chance), seed)


def render(
    speech: Samples,
    scene: Scene,
    noise: Samples | None = None,
    snr_db: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Samples:
    """What the microphones hear: shape (microphones, samples), as long as the speech.

    The noise is an excerpt that `rng` picks, and was there before the first sample. `snr_db` is at the array,
    over all microphones: the reverberant speech where it is loud (`levels.active_rms`), to all of the noise.
    Echoes that outlast the speech are cut off. Without noise `snr_db` means nothing.

    An hour takes about 3.4 GB. Raises RoomError, NotInstalled, and SoundError for noise without samples.
    """
    room = scene.room
    heard = _convolved(speech, impulse_responses(room, scene.talker, scene.seed))[:, : len(speech)]
    if noise is None or not len(speech):
        return np.ascontiguousarray(heard)
    response = impulse_responses(room, scene.noise, scene.seed)
    before = response.shape[1] - 1
    running = excerpt(noise, len(speech) + before, rng or np.random.default_rng(scene.seed))
    around = _convolved(running, response)[:, before : before + len(speech)]
    return at_snr(heard, around, snr_db)


def _convolved(samples: Samples, response: Response) -> Samples:
    from scipy.signal import oaconvolve  # comes with pyroomacoustics

    if not len(samples):
        return np.zeros((len(response), 0), np.float32)
    heard: Samples = oaconvolve(samples[None, :], response, axes=1).astype(np.float32)
    return heard


def _elsewhere(room: Room, talker: Place, chance: np.random.Generator) -> Place:
    length, width, _ = room.size_m
    for _ in range(1000):
        z = float(chance.uniform(*_NOISE_HEIGHTS_M))
        position = (float(chance.uniform(0, length)), float(chance.uniform(0, width)), z)
        place = room.place(position)
        apart_deg = abs((place.angle_deg - talker.angle_deg + 180) % 360 - 180)
        if room.holds(position) and place.distance_m >= _NOISE_FROM_M and apart_deg >= APART_DEG:
            return place
    raise RoomError(
        "no place for a noise beside the talker: give a larger room, or put the array further from its walls"
    )
