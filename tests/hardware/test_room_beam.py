"""Delay-and-sum: what comes from where it looks stays, what comes from elsewhere gets weaker."""

import numpy as np
import numpy.typing as npt
import pytest

from hardware.board import RATE_HZ
from hardware.room.beam import LOOKS, delay_and_sum, first_channel, loudest_look
from hardware.room.geometry import RESPEAKER_M

Samples = npt.NDArray[np.float32]


def hiss(samples: int = RATE_HZ, seed: int = 2) -> Samples:
    return (1000 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def speechlike(samples: int = RATE_HZ, seed: int = 2) -> Samples:
    """Noise of 1 to 4 kHz, where the array is as wide as a wave."""
    spectrum = np.fft.rfft(hiss(samples, seed))
    hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    return np.fft.irfft(np.where((hz > 1000) & (hz < 4000), spectrum, 0), samples).astype(np.float32)


def plane_wave(sound: Samples, angle_deg: float) -> Samples:
    """What the array hears of a far sound, written down a second time: the delays by hand, one a microphone.

    Microphones are at 180, 270, 0 and 90 degrees, 32 mm from the centre.
    """
    spectrum, hz = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    late_s = [-0.032 / 343 * np.cos(np.radians(angle_deg - at)) for at in (180, 270, 0, 90)]
    return np.stack(
        [np.fft.irfft(spectrum * np.exp(-2j * np.pi * hz * s), len(sound)) for s in late_s]
    ).astype(np.float32)


def gain_db(
    wanted: float, disturbing: float, looking: float | None, order: tuple[int, ...] = (0, 1, 2, 3)
) -> float:
    """By how much the ratio of two sounds from two angles is better than with one microphone."""
    speech, noise = plane_wave(speechlike(), wanted), plane_wave(speechlike(seed=5), disturbing)
    channels = np.stack([speech, noise])[:, list(order)]
    after, before = (
        [beam(each).std() for each in channels]
        for beam in (lambda c: delay_and_sum(c, looking), first_channel)
    )
    return float(20 * np.log10(after[0] / after[1] / (before[0] / before[1])))


@pytest.mark.parametrize("angle_deg", [0.0, 17.0, 90.0, 133.0, 270.0, 359.0])
def test_what_comes_from_where_it_looks_is_unchanged(angle_deg: float) -> None:
    sound = speechlike()
    formed = delay_and_sum(plane_wave(sound, angle_deg), angle_deg)
    assert np.abs(formed - sound)[200:-200].max() < 0.02 * sound.std()
    assert formed.dtype == np.float32
    assert formed.shape == sound.shape


@pytest.mark.parametrize(
    ("wanted", "disturbing", "at_least_db"),
    [(0.0, 90.0, 6.0), (0.0, 180.0, 10.0), (45.0, 135.0, 7.0), (45.0, 225.0, 3.0)],
)
def test_noise_from_another_angle_gets_weaker(wanted: float, disturbing: float, at_least_db: float) -> None:
    assert gain_db(wanted, disturbing, looking=wanted) > at_least_db


def test_looking_at_the_noise_makes_it_worse() -> None:
    assert gain_db(0.0, 90.0, looking=90.0) < -6.0


def test_a_wrong_order_of_the_array_is_noticed() -> None:
    """The gain comes from the geometry, not from any mean: with two microphones swapped it is a loss."""
    right, swapped = gain_db(0.0, 90.0, looking=0.0), gain_db(0.0, 90.0, looking=0.0, order=(2, 1, 0, 3))
    turned = gain_db(0.0, 90.0, looking=0.0, order=(1, 2, 3, 0))
    assert right > 6.0
    assert swapped < -3.0
    assert turned < -3.0


def test_the_microphones_own_noise_falls_by_6_db() -> None:
    own = np.stack([hiss(seed=seed) for seed in range(4)])

    assert 20 * np.log10(own[0].std() / delay_and_sum(own, 30.0).std()) == pytest.approx(6, abs=0.2)


@pytest.mark.parametrize("angle_deg", [0.0, 44.0, 90.0, 179.0, 250.0, 310.0])
def test_the_loudest_look_is_within_half_a_step(angle_deg: float) -> None:
    found = loudest_look(plane_wave(hiss(), angle_deg))
    assert abs((found - angle_deg + 180) % 360 - 180) <= 360 / LOOKS / 2 + 1


def test_a_talker_louder_than_the_noise_is_found_though_the_noise_goes_on() -> None:
    speech = plane_wave(hiss(), 60.0)
    speech[:, : RATE_HZ * 3 // 4] = 0
    assert loudest_look(speech + plane_wave(hiss(seed=5), 200.0) / np.float32(2)) == 60.0
    assert (
        loudest_look(speech / np.float32(4) + plane_wave(hiss(seed=5), 210.0)) == 210.0
    )  # a louder noise wins


def test_without_an_angle_it_looks_where_most_comes_from() -> None:
    heard = plane_wave(hiss(), 92.0) + plane_wave(hiss(seed=8), 250.0) / np.float32(3)
    assert np.array_equal(delay_and_sum(heard), delay_and_sum(heard, 90.0))


def test_silence_and_very_little_sound() -> None:
    for samples in (0, 1, 1023, 1024, 1025):
        channels = np.zeros((4, samples), np.float32)
        assert not delay_and_sum(channels).any()
        assert delay_and_sum(channels).shape == first_channel(channels).shape == (samples,)
    assert loudest_look(np.zeros((4, 0), np.float32)) == 0.0


def test_one_channel_is_the_first_microphone() -> None:
    channels = np.stack([hiss(seed=seed) for seed in range(4)])
    assert np.array_equal(first_channel(channels), channels[0])


def test_the_end_of_a_sound_does_not_come_in_at_its_start() -> None:
    late = np.zeros((4, 4096), np.float32)
    late[:, -3:] = 30_000
    assert np.abs(delay_and_sum(late, 0.0)[:2000]).max() < 150


def test_the_array_is_that_of_its_data_sheet() -> None:
    assert np.hypot(*np.array(RESPEAKER_M).T[:2]) == pytest.approx(0.032)
    assert np.degrees(np.arctan2(*np.array(RESPEAKER_M).T[1::-1])) % 360 == pytest.approx([180, 270, 0, 90])
