"""Time: what is due happens at its sample, the world turns heard or not, and as fast as it was asked to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from hardware.board import FRAME_SAMPLES, RATE_HZ, Edge
from hardware.errors import BoardError, EndOfInput, MicrophoneError
from hardware.sim import SimBoard
from hardware.world import Pace

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


def test_what_is_due_happens_at_its_sample_whether_heard_or_not(board: SimBoard) -> None:
    happened = []

    def note(name: str) -> Callable[[], None]:
        return lambda: happened.append((name, board.now))

    for sample, name in [
        (1_000, "late"),
        (0, "now"),
        (400, "a"),
        (400, "b"),
        (320, "edge"),
        (5_000, "never"),
    ]:
        board.at(sample, note(name))
    assert happened == [("now", 0)]
    board.microphone.read()
    assert happened == [("now", 0), ("edge", 320)]
    board.microphone.close()
    rest(board, 4)
    assert happened == [("now", 0), ("edge", 320), ("a", 400), ("b", 400), ("late", 1_000)]


def test_what_happens_may_make_more_happen(board: SimBoard) -> None:
    board.at(400, lambda: board.room.say(noise(100), board.now))
    board.at(500, lambda: board.at(board.now + 20, board.press))
    heard = hear(board, 2)
    assert np.array_equal(heard[400:500], noise(100))
    assert list(board.panel.edges) == [Edge("button", True)]


def test_the_tape_has_what_the_room_sounded_like_heard_or_not(board: SimBoard, tmp_path: Path) -> None:
    board.room.say(noise(900), 30)
    with soundfile.SoundFile(tmp_path / "room.flac", "w", RATE_HZ, 1) as tape:
        board.tape = tape
        heard = hear(board, 1)
        board.microphone.close()
        rest(board, 3)
        board.tape = None
    taped, _ = soundfile.read(tmp_path / "room.flac", dtype="int16")
    assert np.array_equal(taped, np.concatenate([np.zeros(30), noise(900), np.zeros(350)]))
    assert np.array_equal(heard, taped[:320])


def test_the_gate_is_passed_before_every_frame(board: SimBoard) -> None:
    passed = []
    board.gate = lambda sample: passed.append((sample, board.now))
    board.microphone.read()
    board.rest()
    assert passed == [(0, 0), (320, 320)]


@pytest.mark.parametrize("length", [640, 641, 960])
def test_the_world_ends_after_the_frame_its_last_sample_is_in(length: int) -> None:
    board = SimBoard(length_samples=length)
    board.microphone.open()
    frames = -(-length // FRAME_SAMPLES)
    hear(board, frames)
    with pytest.raises(EndOfInput, match=f"ends at sample {length}"):
        board.microphone.read()
    with pytest.raises(EndOfInput):
        board.rest()
    board.microphone.close()
    with pytest.raises(MicrophoneError, match="while closed"):
        board.microphone.read()
    board.close()


class Hourglass:
    """A clock that moves only when somebody sleeps, or is told that the machine was slow."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.slept_s: list[float] = []

    def read(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


def test_real_time_waits_for_each_frame_and_never_drifts() -> None:
    glass = Hourglass()
    pace = Pace("realtime", glass.read, glass.sleep)
    for first in range(0, 320 * 1_000, 320):
        glass.now_s += 0.001  # the firmware's own work
        pace.wait(first, first + 320)
    assert glass.now_s == pytest.approx(1_000.001 + 20.0)


def test_a_late_frame_is_caught_up_with() -> None:
    glass = Hourglass()
    pace = Pace("realtime", glass.read, glass.sleep)
    pace.wait(0, 320)
    glass.now_s += 0.05
    for first in (320, 640, 960):
        pace.wait(first, first + 320)
    assert glass.slept_s == pytest.approx([0.02, 0.01])


def test_a_pace_is_a_multiple_of_real_time() -> None:
    glass = Hourglass()
    pace = Pace(10.0, glass.read, glass.sleep)
    pace.wait(3_200, 3_520)
    assert glass.slept_s == pytest.approx([0.002])


def test_fast_never_waits() -> None:
    glass = Hourglass()
    Pace("fast", glass.read, glass.sleep).wait(0, 320)
    assert glass.slept_s == []


@pytest.mark.parametrize("pace", ["slow", 0, -1.0, float("nan")])
def test_a_pace_that_is_no_speed_is_refused(pace: float) -> None:
    with pytest.raises(BoardError, match="give fast, realtime, or a number above 0"):
        SimBoard(pace=pace)
