"""The promises every board keeps: one file, for every board there is.

The twin, and the real board over ALSA: PyAudio, the children that hear and speak, and gpiozero's mock pins.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hardware import BOARDS, open_board
from hardware.board import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ, Board
from hardware.earcons import earcon
from hardware.errors import BoardError, HardwareError, MicrophoneError, SoundError
from hardware.lights import CUES, colour
from tests.alsa.desk import Desk, needs_alsa
from tests.alsa.pi import PiOnADesk, array_profile

PATIENCE_FRAMES = 1_500  # half a minute of a real board


@pytest.fixture(params=["sim", pytest.param("pi", marks=needs_alsa)])
def board(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    if request.param == "sim":
        twin = open_board("sim")
        yield twin
        twin.close()
        return
    desk = Desk(tmp_path, np.zeros((RATE_HZ, 6), np.int16))
    real = PiOnADesk(desk, array_profile(tmp_path, 6, 0), monkeypatch)
    yield real.board
    real.close()


def test_the_audio_format_is_sixteen_kilohertz_in_frames_of_twenty_milliseconds() -> None:
    assert (RATE_HZ, FRAME_SAMPLES, FRAME_BYTES) == (16_000, 320, 640)


def test_the_microphone_starts_closed(board: Board) -> None:
    assert not board.microphone.is_open
    assert board.microphone.frames_read == 0


def test_a_closed_microphone_refuses_to_be_read(board: Board) -> None:
    with pytest.raises(MicrophoneError, match="open it first"):
        board.microphone.read()
    board.microphone.open()
    board.microphone.read()
    board.microphone.close()
    with pytest.raises(MicrophoneError, match="open it first"):
        board.microphone.read()
    assert board.microphone.frames_read == 1


def test_frames_have_the_format_and_follow_each_other_without_a_gap(board: Board) -> None:
    board.microphone.open()
    frames = [board.microphone.read() for _ in range(5)]
    assert [frame.index for frame in frames] == [
        first + 320 * n for first in [frames[0].index] for n in range(5)
    ]
    assert {len(frame.pcm) for frame in frames} == {FRAME_BYTES}
    assert board.microphone.frames_read == 5


def test_sample_indices_go_on_across_closing_and_opening(board: Board) -> None:
    board.microphone.open()
    before = board.microphone.read()
    board.microphone.close()
    board.microphone.open()
    assert board.microphone.read().index == before.index + FRAME_SAMPLES


def test_rest_lets_one_frame_pass_and_reads_nothing(board: Board) -> None:
    board.microphone.open()
    first = board.microphone.read().index
    board.microphone.close()
    assert [board.rest(), board.rest()] == [first + 2 * FRAME_SAMPLES, first + 3 * FRAME_SAMPLES]
    assert board.microphone.frames_read == 1
    board.microphone.open()
    assert board.microphone.read().index == first + 3 * FRAME_SAMPLES


def test_opening_waits_for_nothing_and_the_first_frame_comes_where_the_rests_have_reached(
    board: Board,
) -> None:
    with pytest.raises(MicrophoneError, match="open it first"):
        board.microphone.ready()
    board.microphone.open()
    now = 0
    for _ in range(PATIENCE_FRAMES):
        if board.microphone.ready():
            break
        now = board.rest()
    assert board.microphone.ready()
    assert board.microphone.read().index == now
    assert board.microphone.ready()
    board.microphone.close()
    with pytest.raises(MicrophoneError, match="open it first"):
        board.microphone.ready()


def test_opening_twice_and_closing_twice_change_nothing(board: Board) -> None:
    board.microphone.open()
    board.microphone.open()
    assert board.microphone.is_open
    board.microphone.close()
    board.microphone.close()
    assert not board.microphone.is_open


def test_the_loudspeaker_plays_to_the_end_without_blocking(board: Board) -> None:
    assert not board.loudspeaker.playing
    board.loudspeaker.play(earcon("wake"))
    assert board.loudspeaker.playing
    rests = 0
    while board.loudspeaker.playing and rests < PATIENCE_FRAMES:
        board.rest()
        rests += 1
    assert rests < PATIENCE_FRAMES
    assert rests * FRAME_SAMPLES >= len(earcon("wake")) // 2  # it is not cut short


def test_stopping_the_loudspeaker_silences_it_at_once(board: Board) -> None:
    board.loudspeaker.play(earcon("timer"))
    board.rest()
    board.loudspeaker.stop()
    assert not board.loudspeaker.playing
    board.loudspeaker.stop()


def test_half_a_sample_is_refused_by_the_loudspeaker(board: Board) -> None:
    with pytest.raises(SoundError, match="3 bytes"):
        board.loudspeaker.play(b"\0\0\0")


def test_volume_is_between_nothing_and_full(board: Board) -> None:
    board.loudspeaker.volume = 0.25
    assert board.loudspeaker.volume == pytest.approx(0.25)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(BoardError, match="out of range"):
            board.loudspeaker.volume = wrong
    assert board.loudspeaker.volume == pytest.approx(0.25)


def test_nobody_touching_the_panel_makes_no_edges(board: Board) -> None:
    board.rest()
    assert not board.panel.edges
    assert board.panel.level("button") is False


@pytest.mark.parametrize("cue", CUES)
def test_every_cue_can_be_shown_and_is_reported_with_its_sample(board: Board, cue: str) -> None:
    board.panel.show("processing" if cue == "idle" else "idle", 0)
    shown = []
    board.panel.listener = lambda *change: shown.append(change)
    board.panel.show(cue, 640)
    assert shown == ([(640, cue, colour(cue, 0))])


def test_an_unknown_cue_is_refused_in_one_line_and_changes_nothing(board: Board) -> None:
    board.panel.show("listening", 0)
    shown = []
    board.panel.listener = lambda *change: shown.append(change)
    with pytest.raises(BoardError, match="choose one of booting, idle") as refusal:
        board.panel.show("rainbow", 320)
    assert "\n" not in str(refusal.value)
    assert shown == []


def test_closing_closes_the_microphone_and_silences_the_loudspeaker(board: Board) -> None:
    board.microphone.open()
    board.loudspeaker.play(earcon("timer"))
    board.close()
    board.close()
    assert not board.microphone.is_open
    assert not board.loudspeaker.playing


def test_an_unknown_board_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BoardError, match=r"^board 'toaster': unknown; choose one of (\w+, )*sim$"):
        open_board("toaster")


@pytest.mark.parametrize("name", BOARDS)
def test_an_unknown_setting_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(BoardError, match=r"loudness.*its settings are ") as refusal:
        open_board(name, loudness=11)
    assert "\n" not in str(refusal.value)


def test_every_hardware_error_says_how_a_command_line_ends() -> None:
    assert {error.exit_code for error in (BoardError, SoundError, HardwareError)} == {3}
    assert MicrophoneError.exit_code == 4
