"""Loudness, ratios, excerpts and babble: measured on what comes out."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.board import RATE_HZ
from hardware.errors import SoundError
from hardware.room.levels import active_rms, at_snr, attenuate, babble, excerpt, pink, to_pcm

Samples = npt.NDArray[np.float32]


def chance(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def hiss(samples: int, rms: float = 1000.0, seed: int = 2) -> Samples:
    return (rms * chance(seed).standard_normal(samples)).astype(np.float32)


def talk(seconds: float = 2.0, rms: float = 2000.0) -> Samples:
    """Half a second of sound, half a second of nothing, and so on."""
    samples = hiss(round(seconds * RATE_HZ), rms)
    samples[(np.arange(len(samples)) // (RATE_HZ // 2)) % 2 == 1] = 0
    return samples


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


def db(ratio: float) -> float:
    return 20 * float(np.log10(ratio))


def test_pauses_do_not_make_speech_quiet() -> None:
    assert active_rms(talk()) == pytest.approx(2000, rel=0.02)
    assert rms(talk()) == pytest.approx(2000 / np.sqrt(2), rel=0.02)


def test_what_is_20_db_softer_does_not_count_and_what_is_19_db_softer_does() -> None:
    tone = 1000 * np.sqrt(2) * np.sin(2 * np.pi * 500 * np.arange(RATE_HZ) / RATE_HZ)
    for below_db, expected in ((21.0, 1000.0), (19.0, 1000 * np.sqrt((1 + 10**-1.9) / 2))):
        both = np.concatenate([tone, tone * 10 ** (-below_db / 20)])
        assert active_rms(both) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("samples", "expected"), [(0, 0.0), (1, 9.0), (100, 9.0), (320, 9.0), (339, 9.0)])
def test_any_length_has_a_level(samples: int, expected: float) -> None:
    assert active_rms(np.full(samples, 9, np.float32)) == pytest.approx(expected)
    assert active_rms(np.zeros(samples, np.float32)) == 0.0


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 5.0, 0.0, -5.0])
@pytest.mark.parametrize("level", [None, 500.0])
def test_the_ratio_is_what_was_asked_for(snr_db: float, level: float | None) -> None:
    speech, noise = talk(), hiss(2 * RATE_HZ, 37, seed=9)
    mixed = at_snr(speech, noise, snr_db, level)
    spoken = attenuate(speech, db((level or active_rms(speech)) / active_rms(speech)))
    assert db(active_rms(spoken) / rms(mixed - spoken)) == pytest.approx(snr_db, abs=0.1)
    assert mixed.dtype == np.float32
    assert active_rms(spoken) == pytest.approx(level or active_rms(speech), rel=1e-3)


def test_channels_are_measured_together_and_keep_what_tells_them_apart() -> None:
    speech = np.stack([talk(), attenuate(talk(), -6)])
    noise = np.stack([hiss(2 * RATE_HZ, 50), hiss(2 * RATE_HZ, 10, seed=3)])
    heard = at_snr(speech, noise, 10) - speech
    level = np.sqrt(np.mean([active_rms(row) ** 2 for row in speech]))
    assert db(level / rms(heard)) == pytest.approx(10, abs=0.1)
    assert rms(heard[0]) / rms(heard[1]) == pytest.approx(5, rel=0.02)


def test_silence_has_no_ratio() -> None:
    speech, silence = talk(), np.zeros(2 * RATE_HZ, np.float32)
    assert np.array_equal(at_snr(speech, silence, 10), speech)
    assert np.array_equal(at_snr(silence, speech, 10), speech)
    assert not len(at_snr(silence[:0], silence[:0], 10))


def test_noise_of_another_length_is_refused_in_one_line() -> None:
    with pytest.raises(SoundError, match="cut an excerpt") as refused:
        at_snr(talk(), hiss(5), 10)
    assert "\n" not in str(refused.value)


def test_a_gain_is_in_db_and_changes_nothing_in_place() -> None:
    speech = talk()
    before = speech.copy()
    assert db(rms(attenuate(speech, -20)) / rms(speech)) == pytest.approx(-20, abs=1e-3)
    assert np.array_equal(speech, before)


@given(source=st.integers(1, 3000), length=st.integers(0, 9000), seed=st.integers(0, 99))
def test_an_excerpt_is_as_long_as_asked_and_the_same_for_the_same_seed(
    source: int, length: int, seed: int
) -> None:
    sound = hiss(source)
    cut = excerpt(sound, length, chance(seed))
    assert len(cut) == length
    assert cut.dtype == np.float32
    assert np.array_equal(cut, excerpt(sound, length, chance(seed)))
    assert np.abs(cut).max(initial=0) <= np.abs(sound).max() * np.sqrt(2)


def test_an_excerpt_of_something_longer_is_a_piece_of_it() -> None:
    cut = excerpt(np.arange(1000, dtype=np.float32), 10, chance())
    assert np.array_equal(np.diff(cut), np.ones(9))
    assert not np.array_equal(cut, excerpt(np.arange(1000, dtype=np.float32), 10, chance(5)))


def test_a_short_sound_goes_round_without_a_click() -> None:
    ramp = np.linspace(-1000, 1000, 2000, dtype=np.float32)  # its ends could not differ more
    round_and_round = excerpt(ramp, 20_000, chance())
    assert np.abs(np.diff(round_and_round)).max() < 2 * 2000 / 160


def test_nothing_can_not_be_cut_or_babble() -> None:
    with pytest.raises(SoundError, match="without samples"):
        excerpt(hiss(0), 5, chance())
    with pytest.raises(SoundError, match="nobody"):
        babble([], 5, chance())


def test_babble_has_every_talker_equally_loud() -> None:
    tones = [
        gain * np.sin(2 * np.pi * hz * np.arange(3 * RATE_HZ) / RATE_HZ).astype(np.float32)
        for gain, hz in ((30.0, 300), (3000.0, 700), (9.0, 1500))
    ]
    mix = babble(tones, RATE_HZ, chance(), talkers=3)
    spectrum = np.abs(np.fft.rfft(mix))
    assert spectrum[[700, 1500]] == pytest.approx(spectrum[300], rel=0.01)
    assert rms(mix) == pytest.approx(1000, rel=1e-3)


def test_babble_of_few_sources_and_of_silence() -> None:
    assert len(babble([talk()], 100, chance(), talkers=6)) == 100
    assert not babble([np.zeros(50, np.float32)], 100, chance()).any()
    assert np.array_equal(babble([talk()], 100, chance(3)), babble([talk()], 100, chance(3)))


@pytest.mark.parametrize("length", [0, 1, 2, 16_000, 16_001])
def test_pink_noise_has_any_length(length: int) -> None:
    assert len(pink(length, chance())) == length


def test_pink_noise_is_as_strong_in_every_octave() -> None:
    noise = pink(30 * RATE_HZ, chance())
    power, hz = np.square(np.abs(np.fft.rfft(noise))), np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    octaves_db = [10 * np.log10(power[(hz >= low) & (hz < 2 * low)].sum()) for low in (50, 200, 800, 3200)]
    assert max(octaves_db) - min(octaves_db) < 1.0
    assert rms(noise) == pytest.approx(1000, rel=1e-3)


def test_a_microphone_adds_its_own_noise_and_rounds() -> None:
    heard = to_pcm(np.zeros((4, RATE_HZ), np.float32), chance(), floor_rms=5.0)
    assert heard.dtype == np.int16
    assert heard.shape == (4, RATE_HZ)
    assert heard.std() == pytest.approx(5, rel=0.02)
    assert (
        np.abs(np.asarray(np.corrcoef(heard))[0, 1:]).max() < 0.05
    )  # each microphone has a noise of its own


def test_what_does_not_fit_is_scaled_down_and_not_clipped() -> None:
    speech = 40_000 * np.sin(np.arange(RATE_HZ) / 20).astype(np.float32)
    heard = to_pcm(speech, chance(), floor_rms=0.0)
    assert np.abs(heard.astype(int)).max() == 32_767
    assert np.abs(heard - speech * (32_767 / np.abs(speech).max())).max() <= 0.51
    soft = to_pcm(speech / np.float32(2), chance(), floor_rms=0.0)
    assert np.abs(soft - speech / 2).max() <= 0.51
