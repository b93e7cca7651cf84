"""Earcons are short, soft, and start and end in silence."""

import numpy as np
import pytest

from hardware.board import RATE_HZ
from hardware.earcons import EARCONS, PEAK, earcon
from hardware.errors import BoardError


def samples(name: str) -> np.ndarray:
    return np.frombuffer(earcon(name), "<i2").astype(int)


def test_there_is_an_earcon_for_everything_the_firmware_says_without_words() -> None:
    assert set(EARCONS) == {"wake", "done", "error", "mute", "unmute", "denied", "timer"}


@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_is_at_most_four_tenths_of_a_second(name: str) -> None:
    assert 0.1 * RATE_HZ <= len(samples(name)) <= 0.4 * RATE_HZ


@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_is_audible_but_never_loud(name: str) -> None:
    assert 0.9 * PEAK <= abs(samples(name)).max() <= PEAK <= 32767 / 4


@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_begins_and_ends_in_silence_and_never_clicks(name: str) -> None:
    sound = samples(name)
    assert (sound[0], sound[-1]) == (0, 0)
    steepest = 2 * np.pi * max(tone.hz for tone in EARCONS[name]) / RATE_HZ * PEAK
    assert abs(np.diff(sound)).max() <= 1.1 * steepest


def test_no_two_earcons_sound_the_same() -> None:
    assert len({earcon(name) for name in EARCONS}) == len(EARCONS)


def test_an_unknown_earcon_is_an_error() -> None:
    with pytest.raises(BoardError, match="'fanfare': unknown; choose one of wake"):
        earcon("fanfare")
