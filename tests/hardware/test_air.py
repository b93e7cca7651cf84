"""What is said in the room at a sample is heard at that sample, bit for bit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame
from hardware.errors import BoardError, SoundError
from hardware.sim import SimBoard

Ear = npt.NDArray[np.int16]


@pytest.fixture
def board() -> Iterator[SimBoard]:
    board = SimBoard()
    board.microphone.open()
    yield board
    board.close()


def noise(samples: int, seed: int = 3) -> Ear:
    return np.random.default_rng(seed).integers(-9_000, 9_000, samples, np.int16)


def hear(board: SimBoard, frames: int) -> Ear:
    return np.frombuffer(b"".join(board.microphone.read().pcm for _ in range(frames)), "<i2")


def rest(board: SimBoard, frames: int) -> None:
    for _ in range(frames):
        board.rest()


@pytest.mark.parametrize("at", [0, 1, 319, 320, 5_000])
def test_a_file_placed_at_a_sample_is_heard_there_bit_for_bit(
    board: SimBoard, tmp_path: Path, at: int
) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(20_000), RATE_HZ, "PCM_16")
    assert board.room.say(path, at) == at + 20_000
    heard = hear(board, 80)
    assert np.array_equal(heard[at : at + 20_000], noise(20_000))
    assert not heard[:at].any()
    assert not heard[at + 20_000 :].any()


def test_nothing_said_is_silence(board: SimBoard) -> None:
    assert board.microphone.read() == Frame(0, bytes(640))


@given(
    placed=st.lists(
        st.tuples(st.integers(0, 2_000), st.integers(1, 1_000), st.sampled_from([0.0, -6.0])), max_size=5
    )
)
def test_sounds_that_overlap_add_up_and_are_cut_at_the_limits(placed: list[tuple[int, int, float]]) -> None:
    board = SimBoard()
    board.microphone.open()
    expected = np.zeros(3_200)
    for seed, (at, length, gain_db) in enumerate(placed):
        sound = 3 * noise(length, seed)
        board.room.say(sound, at, gain_db=gain_db)
        expected[at : at + length] += sound * 10 ** (gain_db / 20)
    heard = hear(board, 10)
    board.close()
    assert np.abs(heard - expected.clip(-32768, 32767)).max() <= 1


def test_a_looped_sound_starts_over_without_a_gap(board: SimBoard, tmp_path: Path) -> None:
    path = tmp_path / "noise.flac"
    soundfile.write(path, noise(1_000), RATE_HZ, "PCM_16")
    board.room.say(path, 100, loop=True)
    heard = hear(board, 20)
    assert np.array_equal(heard[100:], np.tile(noise(1_000), 7)[: len(heard) - 100])


def test_a_sound_in_the_past_is_refused(board: SimBoard) -> None:
    board.microphone.read()
    with pytest.raises(SoundError, match="the world is at 320; say it later"):
        board.room.say(noise(10), 319)
    board.room.say(noise(10), 320)
    assert np.array_equal(hear(board, 1)[:10], noise(10))


def test_a_broken_file_is_refused_before_the_world_turns(board: SimBoard, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(SoundError, match=r"broken\.wav"):
        board.room.say(tmp_path / "broken.wav", 10_000)


def test_a_thousand_files_can_wait_to_be_heard(board: SimBoard, tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(100), RATE_HZ)
    for n in range(2_000):  # more than a process may have open
        board.room.say(path, 100 * n)
    assert np.array_equal(hear(board, 5), np.tile(noise(100), 16))


def test_the_noise_floor_is_as_loud_as_asked_and_belongs_to_the_sample() -> None:
    boards = [SimBoard(noise_floor=20, seed=seed) for seed in (1, 1, 2)]
    for board in boards:
        board.microphone.open()
    rest(boards[1], 60)
    first, later, other = (hear(board, 100) for board in boards)
    assert np.array_equal(first[60 * FRAME_SAMPLES :], later[: 40 * FRAME_SAMPLES])
    assert not np.array_equal(first, other)
    assert first.astype(float).std() == pytest.approx(20, rel=0.03)
    for board in boards:
        board.close()


def test_a_noise_floor_out_of_range_is_refused() -> None:
    with pytest.raises(BoardError, match="noise_floor -1"):
        SimBoard(noise_floor=-1)


def test_closing_a_board_lets_go_of_the_files_that_sound(board: SimBoard, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise(100_000), RATE_HZ)
    board.room.say(path, 0)
    board.microphone.read()
    open_files = Path("/proc/self/fd")
    assert path in [file.resolve() for file in open_files.iterdir()]
    board.close()
    assert path not in [file.resolve() for file in open_files.iterdir()]
