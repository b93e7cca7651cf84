"""Rooms: what is asked for is what is measured in the sound that comes out."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from hardware.board import RATE_HZ
from hardware.errors import HardwareError, RoomError
from hardware.room.geometry import RESPEAKER_M, Place, Room
from hardware.room.levels import active_rms
from hardware.room.render import APART_DEG, living_room, render

Samples = npt.NDArray[np.float32]

pytest.importorskip("pyroomacoustics", reason="rooms need it: scripts/setup .venv study")
from hardware.room.responses import impulse_responses  # noqa: E402 - only with it

OUTDOORS = Room(rt60_s=0.0)


def hiss(samples: int, seed: int = 2) -> Samples:
    return (1000 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def talk(samples: int = RATE_HZ) -> Samples:
    return hiss(samples) * np.repeat(np.arange(samples // 1600 + 1) % 2, 1600)[:samples].astype(np.float32)


def decay_s(response: Samples) -> float:
    """RT60 by ISO 3382-2: a line through the backward integral from -5 to -35 dB."""
    left = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    level_db = 10 * np.log10(left[left > 0] / left[0])
    part = np.flatnonzero((level_db < -5) & (level_db > -35))
    slope_db, _ = np.polyfit(part / RATE_HZ, level_db[part], 1)
    return float(-60 / slope_db)


@pytest.mark.parametrize("rt60_s", [0.2, 0.45, 0.6])
def test_the_rt60_that_was_asked_for_is_measured(rt60_s: float) -> None:
    room = Room(rt60_s=rt60_s)
    measured = [
        decay_s(taps)
        for distance_m in (1.0, 3.0, 5.0)
        for taps in impulse_responses(room, Place(distance_m, 10.0))
    ]
    assert np.mean(measured) == pytest.approx(rt60_s, rel=0.08)
    assert measured == pytest.approx([rt60_s] * len(measured), rel=0.2)


def test_sound_falls_with_distance_on_the_straight_way() -> None:
    peaks = [
        np.abs(impulse_responses(OUTDOORS, Place(each, 0.0, 0.9))).max() for each in (1.0, 2.0, 3.0, 5.0)
    ]
    levels = [
        float(np.square(impulse_responses(OUTDOORS, Place(each))).sum()) ** 0.5 for each in (1.0, 2.0, 4.0)
    ]
    assert peaks[0] == pytest.approx(1, rel=0.15)  # between two samples the peak is lower
    assert levels[0] / levels[1] == pytest.approx(2, rel=0.03)
    assert levels[1] / levels[2] == pytest.approx(2, rel=0.03)


def test_at_one_metre_without_walls_speech_is_as_loud_as_it_came() -> None:
    scene = replace(living_room(1.0), room=OUTDOORS, talker=Place(1.0, 0.0, 0.9))
    tone = 1000 * np.sin(np.arange(RATE_HZ) / 3).astype(np.float32)
    assert render(tone, scene)[:, 1000:].std() == pytest.approx(tone[1000:].std(), rel=0.03)


@pytest.mark.parametrize("distance_m", [1.0, 3.0, 5.0])
def test_sound_takes_its_time(distance_m: float) -> None:
    arrived = np.abs(impulse_responses(OUTDOORS, Place(distance_m, 45.0 if distance_m < 2 else 0.0))).argmax(
        axis=1
    )
    assert arrived.mean() == pytest.approx(distance_m / 343 * RATE_HZ, abs=2)


def test_the_nearest_microphone_hears_first() -> None:
    """Raw channels 1 to 4 are at 180, 270, 0 and 90 degrees."""
    for angle_deg, nearest, furthest in ((0.0, 2, 0), (90.0, 3, 1), (180.0, 0, 2), (270.0, 1, 3)):
        room = Room(rt60_s=0.0, facing_deg=-angle_deg)
        arrived = np.abs(impulse_responses(room, Place(3.0, angle_deg))).argmax(axis=1)
        assert arrived.argmin() == nearest
        assert arrived.argmax() == furthest


def test_a_room_makes_sound_louder_and_longer() -> None:
    indoors, outdoors = (impulse_responses(room, Place(3.0)) for room in (Room(), OUTDOORS))
    assert np.square(indoors).sum() > 2 * np.square(outdoors).sum()
    assert indoors.shape[1] > RATE_HZ * 0.45 > outdoors.shape[1]


def test_the_same_seed_gives_the_same_bits_in_another_process() -> None:
    program = """if True:
        import hashlib, numpy as np
        from hardware.room.render import living_room, render
        speech = (1000 * np.random.default_rng(2).standard_normal(8000)).astype(np.float32)
        heard = render(speech, living_room(3.0, 7), speech[:900], 10, np.random.default_rng(5))
        print(hashlib.sha256(heard.tobytes()).hexdigest())
    """
    ran = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(ran) == 1


def test_another_seed_gives_another_room_and_other_echoes() -> None:
    assert living_room(3.0, 1) != living_room(3.0, 2)
    assert living_room(3.0, 1) == living_room(3.0, 1)
    one, other = (impulse_responses(Room(), Place(3.0), seed) for seed in (1, 2))
    assert not np.array_equal(one, other)
    flight = int(3 / 343 * RATE_HZ)
    assert np.abs(one[:, : flight + 3] - other[:, : flight + 3]).max() < 1e-3  # the straight way is the same


def test_a_response_that_is_kept_can_not_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        impulse_responses(OUTDOORS, Place(3.0))[0, 0] = 1


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 5.0, 0.0])
@pytest.mark.parametrize("distance_m", [1.0, 5.0])
def test_the_ratio_at_the_array_is_what_was_asked_for(snr_db: float, distance_m: float) -> None:
    scene, chance = living_room(distance_m, 3), np.random.default_rng
    speech = render(talk(), scene)
    noise = render(talk(), scene, hiss(3 * RATE_HZ, 5), snr_db, chance(4)) - speech
    loud = np.sqrt(np.mean([active_rms(row) ** 2 for row in speech]))
    assert 20 * np.log10(loud / noise.std()) == pytest.approx(snr_db, abs=0.1)
    assert noise[:, :400].std() == pytest.approx(noise.std(), rel=0.2)  # it was there before the speech


def test_noise_comes_from_another_place() -> None:
    for seed in range(30):
        scene = living_room(3.0, seed)
        apart_deg = abs((scene.noise.angle_deg - scene.talker.angle_deg + 180) % 360 - 180)
        assert apart_deg >= APART_DEG
        assert scene.room.holds(scene.room.position(scene.noise))


def test_talkers_are_all_round_the_array_at_the_distance_asked_for() -> None:
    for distance_m in (1.0, 3.0, 5.0):
        scenes = [living_room(distance_m, seed) for seed in range(30)]
        assert {int(scene.talker.angle_deg // 90) for scene in scenes} == {0, 1, 2, 3}
        for scene in scenes:
            there = np.subtract(scene.room.position(scene.talker), scene.room.array_m)
            assert np.linalg.norm(there) == pytest.approx(distance_m)


def test_a_place_and_its_position_say_the_same() -> None:
    room = Room(facing_deg=77.0)
    for place in (Place(1.0, 300.0), Place(3.0, 275.0, 1.1), Place(1.0, 20.0, 0.5)):
        back = room.place(room.position(place))
        assert (back.distance_m, back.angle_deg, back.height_m) == pytest.approx(
            (place.distance_m, place.angle_deg, place.height_m)
        )


@pytest.mark.parametrize("samples", [0, 1, 319, 16_000])
def test_as_much_comes_out_as_goes_in(samples: int) -> None:
    for noise in (None, hiss(100)):
        heard = render(talk(samples), living_room(1.0), noise, 10)
        assert heard.shape == (len(RESPEAKER_M), samples)
        assert heard.dtype == np.float32


def test_it_is_linear() -> None:
    scene = living_room(3.0)
    parts = [np.pad(talk(8000)[at : at + 4000], (at, 4000 - at)) for at in (0, 4000)]
    together = render(talk(8000), scene)
    assert np.abs(together - render(parts[0], scene) - render(parts[1], scene)).max() < 0.1


BAD: dict[str, Callable[[], object]] = {
    "behind the wall": lambda: impulse_responses(Room(), Place(9.0)),
    "in the wall": lambda: impulse_responses(Room(), Place(5.7)),
    "beside the room": lambda: impulse_responses(Room(), Place(3.0, 90.0)),
    "above the ceiling": lambda: impulse_responses(Room(), Place(3.0, 0.0, 2.9)),
    "nearer than its height": lambda: impulse_responses(Room(), Place(0.3)),
    "no distance": lambda: living_room(0.0),
    "not a number": lambda: living_room(float("nan")),
    "too far for the room": lambda: living_room(6.0),
    "no room": lambda: Room(size_m=(0.0, 4.0, 2.6)),
    "a room without end": lambda: Room(size_m=(float("inf"), 4.0, 2.6)),
    "an array outside": lambda: Room(array_m=(7.0, 2.0, 0.9)),
    "an echo for ever": lambda: Room(rt60_s=5.0),
    "a negative echo": lambda: Room(rt60_s=-0.1),
    "a hall as dry as a cupboard": lambda: impulse_responses(Room((20, 20, 8), 0.1, (1, 10, 1)), Place(5.0)),
    "no place for noise": lambda: living_room(0.6, room=Room((1.3, 1.0, 2.6), 0.2, (0.5, 0.5, 0.9))),
}


@pytest.mark.parametrize("what", BAD)
def test_what_can_not_be_is_said_in_one_line(what: str) -> None:
    with pytest.raises(RoomError) as refused:
        BAD[what]()
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, HardwareError)


def test_without_pyroomacoustics_it_says_what_to_install() -> None:
    """In a process that can't find it; levels and beams work all the same."""
    program = """if True:
        import sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("pyroomacoustics", "scipy"):
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        sys.meta_path.insert(0, Missing())
        import numpy as np
        from hardware.errors import NotInstalled
        from hardware.room.beam import delay_and_sum
        from hardware.room.levels import active_rms
        from hardware.room.render import living_room, render
        speech = np.ones(900, np.float32)
        assert active_rms(delay_and_sum(np.stack([speech] * 4))) > 0.9
        try:
            render(speech, living_room(3.0))
        except NotInstalled as error:
            print(error)
    """
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.count("\n") == 1
    assert "scripts/setup .venv study" in said


def test_nothing_heavy_is_imported_before_a_room_is_rendered() -> None:
    program = """if True:
        import sys
        import hardware.room.beam, hardware.room.render
        print({"scipy", "pyroomacoustics"} & set(sys.modules))
    """
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "set()\n"


def test_the_further_the_more_of_the_room() -> None:
    def straight_db(distance_m: float) -> float:
        taps = impulse_responses(Room(), Place(distance_m))[0].astype(np.float64)
        at = int(distance_m / 343 * RATE_HZ)
        near = np.square(taps[max(0, at - 40) : at + 40]).sum()
        return float(10 * np.log10(near / (np.square(taps).sum() - near)))

    assert all(near > far + 1 for near, far in pairwise(map(straight_db, (1.0, 1.7, 3.0))))
