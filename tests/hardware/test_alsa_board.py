"""The real board over ALSA, against the tapes of its cards: what it hears and plays is exact."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hardware.board import RATE_HZ, Board
from tests.alsa import exact
from tests.alsa.desk import Desk, needs_alsa
from tests.alsa.exact import CHANNEL, CHANNELS, noise
from tests.alsa.pi import PiOnADesk, array_profile

pytestmark = needs_alsa

PATIENCE_FRAMES = 1_500  # half a minute


def rest_until(board: Board, there: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_FRAMES):
        if there():
            return
        board.rest()
    raise AssertionError("not within half a minute")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, noise(8))


@pytest.fixture
def board(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    pi = PiOnADesk(desk, array_profile(tmp_path, CHANNELS, CHANNEL), monkeypatch)
    yield pi.board
    pi.close()


def test_every_sample_has_its_channel_and_its_index_and_an_overrun_is_owned_up_to(
    board: Board, desk: Desk
) -> None:
    assert exact.first_fault(board, desk) is None
    assert desk.microphone.overruns == 1


@pytest.mark.parametrize("volume", [1.0, 0.5])
def test_what_is_played_comes_out_of_the_loudspeaker_at_its_volume(
    board: Board, desk: Desk, volume: float
) -> None:
    sound = noise(1)[: RATE_HZ // 4, 0]
    board.loudspeaker.volume = volume
    board.loudspeaker.play(sound.tobytes())
    rest_until(board, lambda: not board.loudspeaker.playing)
    sounded = np.trim_zeros(desk.loudspeaker.tape[:, 0])
    assert np.array_equal(sounded, np.rint(sound * np.float32(volume)))


def test_a_sound_that_is_stopped_is_cut_and_the_card_given_back(board: Board, desk: Desk) -> None:
    sound = noise(8)[:, 0]
    board.loudspeaker.play(sound.tobytes())
    rest_until(board, lambda: desk.loudspeaker.position > RATE_HZ // 2)  # so much was given to the card
    board.loudspeaker.stop()
    assert not board.loudspeaker.playing
    rest_until(board, lambda: not desk.loudspeaker.in_use)
    sounded = np.trim_zeros(desk.loudspeaker.tape[:, 0], "f")
    assert 0 < len(sounded) < len(sound)
    assert np.array_equal(sounded, sound[: len(sounded)])
