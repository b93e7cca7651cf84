"""What is wrong with a microphone is found in five seconds, and what only sounds like it is not."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from device.mic_fault import LOUD, NEARLY_ALL, REMEDIES, Look, Losses, MicFault
from device.mic_look import look
from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame

Sound = npt.NDArray[Any]

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "audio"
SECONDS = 14
T = np.arange(SECONDS * RATE_HZ) / RATE_HZ
HISS = np.random.default_rng(3).normal(0, 30, len(T))


def verdicts(sound: Sound, *, digital_silence: bool = False, first: int = 0) -> list[tuple[float, str]]:
    """What is said of a sound that repeats, and when: each verdict that differs from the last."""
    pcm = np.rint(sound).clip(-32_768, 32_767).astype("<i2")
    judge = MicFault(digital_silence=digital_silence)
    judge.forget(first)
    said: list[tuple[float, str]] = []
    for at in range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        if first + at >= judge.due:
            verdict = judge.judge(look(Frame(first + at, pcm[at : at + FRAME_SAMPLES].tobytes())))
            if verdict is not None and (not said or said[-1][1] != verdict):
                said.append((at / RATE_HZ, verdict))
    return said


def faults(sound: Sound, **how: Any) -> set[str]:
    return {verdict for _, verdict in verdicts(sound, **how)} - {"well"}


def waves(hz: float, peaks: dict[int, float]) -> Sound:
    """Multiples of a frequency, each in a phase of its own."""
    return np.sum([peak * np.sin(2 * np.pi * hz * n * T + n * n) for n, peak in peaks.items()], axis=0)


SINE = {1: 4_000.0}
SHAPES = {
    "sine": SINE,
    "third": {1: 4_000.0, 3: 2_400.0, 5: 1_000.0},
    "rectified": {2 * n: 4_000.0 / n for n in range(1, 20)},
    "sawtooth": {n: 4_000.0 / n for n in range(1, 40)},
    "mostly its second": {1: 800.0, 2: 4_000.0, 4: 2_000.0},
}


# -- found -------------------------------------------------------------------------------------------

ILL: dict[str, Callable[[], Sound]] = {
    "silent": lambda: np.zeros(len(T)),
    "constant": lambda: np.full(len(T), -700.0),
    "humming": lambda: HISS + waves(50, SHAPES["third"]),
    "clipped": lambda: HISS * 2_000,
}


@pytest.mark.parametrize("fault", ILL)
@pytest.mark.parametrize("late", range(0, 50, 7))
def test_each_fault_is_found_in_five_seconds_wherever_it_begins(fault: str, late: int) -> None:
    at = 3 * RATE_HZ + late * FRAME_SAMPLES
    said = verdicts(np.concatenate([HISS[:at], ILL[fault]()]))
    assert [verdict for _, verdict in said] == ["well", fault]
    assert said[-1][0] - at / RATE_HZ <= 5.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hz", [49.9, 50.0, 50.05, 59.9, 60.0, 60.05])
def test_a_hum_is_found_whatever_its_shape_and_wherever_the_mains_are(hz: float, shape: str) -> None:
    assert faults(HISS + waves(hz, SHAPES[shape]), first=FRAME_SAMPLES * 1_001) == {"humming"}


def test_a_value_that_flickers_by_one_step_is_constant() -> None:
    for low in (5, -6, 20_000, -32_768):
        assert faults(low + (np.arange(len(T)) % 3 == 0)) == {"constant"}
    assert faults(np.arange(len(T)) % 3 - 1.0) == set(), "the least that can be heard is not a dead wire"


@pytest.mark.parametrize("fault", ILL)
def test_once_it_is_over_a_second_is_enough_to_be_well(fault: str) -> None:
    said = verdicts(np.concatenate([ILL[fault](), HISS]))
    assert [verdict for _, verdict in said] == [fault, "well"]
    assert 1.0 <= said[-1][0] - SECONDS <= 1.3


@pytest.mark.parametrize("fault", ["humming", "clipped"])
def test_what_is_louder_than_a_fault_does_not_end_it(fault: str) -> None:
    """A voice over a hum is nine seconds of no hum to whoever looks for one."""
    voice = np.where(T % 2 < 1.8, 6_000.0, 0.0) * np.sin(2 * np.pi * 333 * T) * (1 + np.sin(20 * T))
    over = ILL["humming"]() + voice if fault == "humming" else 30_000 * np.sin(2 * np.pi * 333 * T)
    said = verdicts(np.concatenate([ILL[fault](), over, HISS]))
    assert [verdict for _, verdict in said] == [fault, "well"]
    assert said[-1][0] > 2 * SECONDS


def test_that_a_stream_begins_anew_makes_no_hum_well() -> None:
    judge = MicFault(digital_silence=False)
    hums = [Look(n * 3_200, None, 2_000.0, 0.0, 0.99, {100: 0.0}) for n in range(30)]
    assert "humming" in {judge.judge(each) for each in hums}
    judge.forget(100_000)
    assert {judge.judge(Look(100_000 + n * 3_200, None, 4_000.0, 0.0, 0.5)) for n in range(30)} == {None}
    assert judge.judge(Look(200_000, None, 400.0, 0.0)) == "well"


def test_nothing_is_well_before_it_has_sounded_so_for_a_second() -> None:
    ((at_s, verdict),) = verdicts(HISS)
    assert verdict == "well"
    assert 1.0 <= at_s <= 1.2


def test_while_all_is_well_few_frames_are_looked_at_and_all_of_them_soon_again() -> None:
    judge = MicFault(digital_silence=False)
    looks = 0
    for index in range(0, 60 * RATE_HZ, FRAME_SAMPLES):
        if index >= judge.due:
            looks += 1
            judge.judge(Look(index, None, 300.0, 0.0))
    assert 50 <= looks <= 65, "of 3000"


# -- not found ---------------------------------------------------------------------------------------


def test_zeros_are_no_fault_where_they_may_be_all_there_is() -> None:
    assert faults(np.zeros(len(T)), digital_silence=True) == set()
    assert faults(np.full(len(T), 3.0), digital_silence=True) == {"constant"}


@pytest.mark.parametrize("midi", range(24, 84))
def test_no_note_that_is_held_is_a_hum(midi: int) -> None:
    hz = 440 * 2 ** ((midi - 69) / 12)
    for shape in (SINE, {1: 4_000.0, 2: 2_000.0, 3: 1_000.0}, {2: 4_000.0, 3: 4_000.0}):
        assert faults(HISS + waves(hz, shape)) == set()


def rumble(slope: float, lowest_hz: float) -> Sound:
    """Noise that is louder the lower it is, as of a fan."""
    spectrum = np.fft.rfft(np.random.default_rng(8).normal(0, 1, len(T)))
    hz = np.fft.rfftfreq(len(T), 1 / RATE_HZ)
    spectrum[hz < lowest_hz] = 0
    spectrum[1:] /= hz[1:] ** slope
    noise = np.fft.irfft(spectrum, len(T))
    return noise / noise.std()


@pytest.mark.parametrize("slope", [0.5, 1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("lowest_hz", [15, 80])
def test_no_fan_is_a_hum(slope: float, lowest_hz: float) -> None:
    fan = rumble(slope, lowest_hz)
    assert faults(fan * 5_000) == set()
    for blades_hz in (93, 118.5, 147.5, 195):
        assert faults(fan * 2_000 + 4_000 * np.sin(2 * np.pi * blades_hz * T)) == set()


def test_a_hum_that_is_quiet_or_no_louder_than_the_room_does_no_harm() -> None:
    assert faults(HISS + waves(50, {1: 1.2 * LOUD})) == set()
    assert faults(HISS * 50 + waves(50, {1: 2_000.0})) == set()


def test_what_comes_and_goes_is_no_fault() -> None:
    for gap_s, ill in ((2.5, np.zeros(len(T))), (2.5, HISS * 2_000), (2.5, waves(50, SINE))):
        on = (T % gap_s) < gap_s - 0.9
        assert faults(np.where(on, ill, HISS)) == set()


def recordings() -> list[Path]:
    folders = (ROOT / "lab" / "scenarios" / "audio", *(ROOT / "tests" / "audio").iterdir())
    return [path for folder in folders for path in sorted(folder.glob("*.flac"))]


def heard_over_and_over(path: Path) -> list[Sound]:
    """A recording for twelve seconds or more, as it is and as loud as it can be."""
    sound = soundfile.read(path, dtype="int16", always_2d=True)[0][:, 0].astype(np.float64)
    sound = np.resize(sound, max(len(sound), 12 * RATE_HZ))
    return [sound, sound * (32_000 / max(1.0, np.abs(sound).max()))]


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_no_recording_of_this_repository_is_a_fault(path: Path) -> None:
    for sound in heard_over_and_over(path):
        assert faults(sound, digital_silence=True) == set()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings of ../shared/data/audio are not here")
def test_no_voice_and_no_noise_that_people_recorded_is_a_fault() -> None:
    every = sorted(SHARED.glob("*/*.flac"))
    some = [*every[::25], *sorted((SHARED / "neg_noise").glob("*.flac"))[::3]]
    found = {path.name: faults(heard_over_and_over(path)[1], digital_silence=True) for path in some}
    assert {name: what for name, what in found.items() if what} == {}


# -- losses ------------------------------------------------------------------------------------------


def many(*at_s: float, asked_s: float) -> bool:
    losses = Losses()
    said = False
    for at in at_s:
        losses.add(round(at * RATE_HZ))
        said = losses.many(round(at * RATE_HZ))
    return losses.many(round(asked_s * RATE_HZ)) if asked_s > at_s[-1] else said


def test_three_losses_in_three_seconds_are_many_until_there_was_none_for_five() -> None:
    assert not many(0.1, 0.2, asked_s=0.2)
    assert many(0.1, 0.2, 0.3, asked_s=0.3)
    assert many(10, 11.5, 13, asked_s=13)
    assert not many(10, 11.6, 13.2, asked_s=13.2)
    assert many(10, 11, 12, asked_s=16.9)
    assert many(10, 11, 12, 16, asked_s=20.9)
    assert not many(10, 11, 12, asked_s=17)


# -- numbers alone -----------------------------------------------------------------------------------


def test_it_is_judged_by_numbers_alone() -> None:
    judge = MicFault(digital_silence=False)
    for step in count():
        verdict = judge.judge(Look(step * 3_200, None, 2_000.0, 0.0, NEARLY_ALL, {50: 0.25 + step}))
        if verdict is not None:
            break
    assert verdict == "humming"


def test_a_hum_that_grows_or_falls_out_of_step_begins_anew() -> None:
    for turn, growth in ((0.2, 1.0), (0.0, 1.3)):
        judge = MicFault(digital_silence=False)
        looks = [Look(n * 3_200, None, 2_000.0 * growth**n, 0.0, 0.99, {100: turn * n}) for n in range(40)]
        assert "humming" not in {judge.judge(each) for each in looks}


def test_every_fault_has_words_for_people() -> None:
    assert set(ILL) < set(REMEDIES)
    assert all(what and todo for what, todo in REMEDIES.values())
