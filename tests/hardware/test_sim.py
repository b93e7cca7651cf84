"""The twin's microphone, loudspeaker and panel, and the hands and plugs of its world."""

from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from gpiozero import Device

from hardware.board import FRAME_SAMPLES, Edge
from hardware.errors import Fault, MicrophoneLost
from hardware.lights import CUES
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


# The microphone


def test_the_world_goes_on_while_the_microphone_is_closed(board: SimBoard) -> None:
    board.room.say(noise(3_200), 0)
    board.microphone.close()
    rest(board, 4)
    assert board.microphone.frames_read == 0
    board.microphone.open()
    assert np.array_equal(hear(board, 6), noise(3_200)[4 * FRAME_SAMPLES :])


def test_an_unplugged_microphone_is_lost_until_it_is_plugged_closed_and_opened(board: SimBoard) -> None:
    board.microphone.read()
    board.unplug()
    with pytest.raises(MicrophoneLost, match="gone since sample 320; close it"):
        board.microphone.read()
    board.plug()
    with pytest.raises(MicrophoneLost):
        board.microphone.read()
    board.microphone.close()
    board.microphone.open()
    assert board.microphone.read().index == 3 * FRAME_SAMPLES  # time passed while it was lost
    assert board.microphone.frames_read == 2


def test_a_microphone_that_is_not_plugged_in_cannot_be_opened(board: SimBoard) -> None:
    board.microphone.close()
    board.unplug()
    with pytest.raises(MicrophoneLost, match="not plugged in"):
        board.microphone.open()
    assert not board.microphone.is_open
    board.plug()
    board.microphone.open()
    board.microphone.read()


@pytest.mark.parametrize(("at", "whole_frames"), [(639, 1), (640, 2), (641, 2)])
def test_only_whole_frames_come_from_before_the_plug_is_pulled(
    board: SimBoard, at: int, whole_frames: int
) -> None:
    board.at(at, board.unplug)
    hear(board, whole_frames)
    with pytest.raises(MicrophoneLost):
        board.microphone.read()
    assert board.microphone.frames_read == whole_frames


# The loudspeaker


def test_the_room_hears_the_loudspeaker_from_the_sample_it_played_at() -> None:
    board = SimBoard(echo_db=-20)
    board.microphone.open()
    sound = noise(1_000)
    hear(board, 2)
    board.loudspeaker.play(sound.tobytes())
    heard = hear(board, 4)
    assert np.abs(heard[:1_000] - sound / 10).max() <= 0.51
    assert not heard[1_000:].any()
    assert board.played == [(640, sound.tobytes())]
    board.close()


def test_the_echo_adds_to_what_is_said() -> None:
    board = SimBoard(echo_db=0)
    board.microphone.open()
    board.room.say(noise(640, 1), 0)
    board.loudspeaker.play(noise(640, 2).tobytes())
    assert np.array_equal(hear(board, 2), noise(640, 1) + noise(640, 2))
    board.close()


def test_without_echo_the_microphone_hears_nothing_of_the_loudspeaker() -> None:
    board = SimBoard(echo_db=None)
    board.microphone.open()
    board.loudspeaker.play(noise(640).tobytes())
    assert not hear(board, 3).any()
    assert board.played == [(0, noise(640).tobytes())]
    board.close()


def test_what_was_played_is_cut_where_it_was_stopped_or_replaced(board: SimBoard) -> None:
    first, second = noise(2_000, 1), noise(2_000, 2)
    board.loudspeaker.play(first.tobytes())
    board.at(500, lambda: board.loudspeaker.play(second.tobytes()))
    board.at(1_100, board.loudspeaker.stop)
    hear(board, 10)
    assert board.played == [(0, first[:500].tobytes()), (500, second[:600].tobytes())]


def test_what_was_stopped_before_a_sample_came_out_was_never_played(board: SimBoard) -> None:
    board.loudspeaker.play(noise(100).tobytes())
    board.loudspeaker.stop()
    board.rest()
    assert board.played == []


def test_the_volume_scales_what_comes_out_from_now_on(board: SimBoard) -> None:
    board.loudspeaker.play(np.full(960, 1_000, np.int16).tobytes())
    board.rest()
    board.loudspeaker.volume = 0.5
    board.rest()
    board.loudspeaker.volume = 0.0
    board.rest()
    [(_, pcm)] = board.played
    assert list(np.frombuffer(pcm, "<i2")) == [1_000] * 320 + [500] * 320 + [0] * 320


# Hands on the panel, and time


def test_hands_on_the_panel_are_edges_and_levels(board: SimBoard) -> None:
    board.press()
    assert board.panel.level("button")
    board.release()
    board.mute_on()
    assert board.panel.level("mute")
    board.mute_off()
    assert list(board.panel.edges) == [
        Edge("button", True), Edge("button", False), Edge("mute", True), Edge("mute", False)
    ]  # fmt: skip


def test_a_board_starts_live_and_untouched(board: SimBoard) -> None:
    assert (board.panel.level("button"), board.panel.level("mute")) == (False, False)
    assert not board.panel.edges


def test_a_tap_lasts_as_long_as_asked(board: SimBoard) -> None:
    board.tap(samples=640)
    board.microphone.read()
    assert list(board.panel.edges) == [Edge("button", True)]
    board.microphone.read()
    assert list(board.panel.edges) == [Edge("button", True), Edge("button", False)]


@pytest.mark.parametrize("pressed", [False, True])
def test_a_chattering_contact_settles_where_it_was(board: SimBoard, pressed: bool) -> None:
    if pressed:
        board.press()
    board.panel.edges.clear()
    board.bounce("button", 3)
    assert [edge.level for edge in board.panel.edges] == [not pressed, pressed] * 3
    assert board.panel.level("button") is pressed


def test_the_light_is_recorded_with_its_samples(board: SimBoard) -> None:
    board.panel.show("listening", 320)
    board.panel.show("listening", 640)
    board.panel.show("idle", 960)
    assert board.shown == [(320, "listening", CUES["listening"].rgb), (960, "idle", (0.0, 0.0, 0.0))]


def test_two_boards_share_no_pin_and_no_global() -> None:
    one, other = SimBoard(), SimBoard()
    one.press()
    one.mute_on()
    assert (other.panel.level("button"), other.panel.level("mute")) == (False, False)
    assert not other.panel.edges
    one.close()
    other.press()
    assert other.panel.level("button")
    other.close()
    assert Device.pin_factory is None


# What can befall its microphone


def heard(board: SimBoard, frames: int = 50) -> Ear:
    return np.concatenate([np.frombuffer(board.microphone.read().pcm, "<i2") for _ in range(frames)])


def test_a_wedged_microphone_takes_two_seconds_to_say_so_and_is_well_again_when_opened_anew(
    board: SimBoard,
) -> None:
    board.wedge()
    with pytest.raises(MicrophoneLost, match="gives no frame") as lost:
        board.microphone.read()
    assert (lost.value.fault, board.now, board.microphone.frames_read) == ("wedged", 32_000, 0)
    board.heal()
    board.microphone.close()
    board.microphone.open()
    assert board.microphone.read().index == 32_000


def sounding(board: SimBoard) -> None:
    board.room.say(np.full(16_000, 200, np.int16), board.now)


@pytest.mark.parametrize(
    ("ill", "fits"),
    [
        (SimBoard.silent, lambda ear: not ear.any()),
        (SimBoard.constant, lambda ear: ear[0] != 0 and len(set(ear.tolist())) == 1),
        (SimBoard.hum, lambda ear: np.argmax(np.abs(np.fft.rfft(ear - ear.mean()))) == 50),
        (SimBoard.clip, lambda ear: np.mean(np.abs(ear.astype(int)) >= 32_767) > 0.5),
    ],
)
def test_a_sick_microphone_gives_what_its_fault_says_and_the_room_once_it_is_healed(
    board: SimBoard, ill: Callable[[SimBoard], None], fits: Callable[[Ear], bool]
) -> None:
    ill(board)
    sounding(board)
    assert fits(heard(board))
    board.heal()
    sounding(board)
    assert set(heard(board)) == {200}


def test_behind_a_hum_the_room_is_heard(board: SimBoard) -> None:
    board.hum()
    sounding(board)
    assert round(heard(board).mean()) == 200


def test_what_the_tape_has_is_what_the_microphone_gave(board: SimBoard) -> None:
    taped: list[Ear] = []

    class Tape:
        def write(self, samples: Ear, /) -> None:
            taped.append(samples)

    board.tape = Tape()
    board.clip()
    ear = heard(board, 5)
    assert np.array_equal(np.concatenate(taped), ear)


def test_a_lost_stretch_of_any_length_is_a_jump_and_the_noise_goes_on_as_it_would_have() -> None:
    lost, whole = SimBoard(noise_floor=300), SimBoard(noise_floor=300)
    for board in (lost, whole):
        board.microphone.open()
    every = heard(whole, 200)
    assert np.array_equal(heard(lost, 49), every[: 49 * 320])
    lost.overrun(123)
    for _ in range(60):  # over the second in which the noise is made anew
        index, pcm = lost.microphone.read()
        assert np.array_equal(np.frombuffer(pcm, "<i2"), every[index : index + 320])
    assert (index - 123) % 320 == 0
    assert lost.microphone.overruns == 1


def test_every_fault_can_befall_it_and_pass(board: SimBoard) -> None:
    for fault in get_args(Fault):
        board.befall(fault)
        board.befall("well")
        board.microphone.close()
        board.microphone.open()
        assert not heard(board, 3).any(), fault
