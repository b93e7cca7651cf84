"""Hands on the simulated board's real panel: pins, edges, and what they mean."""

from collections.abc import Iterator

import pytest

from device.hands import Hands
from device.session import Event
from hardware.board import FRAME_SAMPLES
from hardware.sim import SimBoard

STILL = 800  # 50 ms: believed in the third frame after
HOLD = 4_800


@pytest.fixture
def board() -> Iterator[SimBoard]:
    board = SimBoard()
    yield board
    board.close()


def hands_on(board: SimBoard) -> Hands:
    return Hands(board.panel, STILL, HOLD)


def feel(board: SimBoard, hands: Hands, frames: int) -> list[tuple[Event, int]]:
    """Let frames pass; return what was felt and in which of them, counted from 1."""
    felt = []
    for frame in range(1, frames + 1):
        felt += [(event, frame) for event in hands.feel(board.rest())]
    return felt


def test_a_tap_is_felt_after_the_button_stood_still(board: SimBoard) -> None:
    hands = hands_on(board)
    board.tap(samples=1_600)
    assert feel(board, hands, 50) == [(Event.BUTTON_TAP, 8)]


def test_a_hold_is_felt_while_the_finger_is_down_and_its_release_after(board: SimBoard) -> None:
    hands = hands_on(board)
    board.press()
    assert feel(board, hands, 50) == [(Event.BUTTON_HOLD, 19)]
    board.release()
    assert feel(board, hands, 50) == [(Event.BUTTON_RELEASED, 4)]


@pytest.mark.parametrize("times", [1, 7, 100])
def test_a_button_that_bounces_in_place_is_nothing(board: SimBoard, times: int) -> None:
    hands = hands_on(board)
    board.bounce("button", times)
    assert feel(board, hands, 50) == []


def test_a_tap_that_bounces_at_both_ends_is_one_tap(board: SimBoard) -> None:
    hands = hands_on(board)
    board.bounce("button", 5)
    board.tap(samples=3_200)
    board.at(board.now + 3_200, lambda: board.bounce("button", 5))
    assert [event for event, _ in feel(board, hands, 50)] == [Event.BUTTON_TAP]


def test_a_button_stuck_from_boot_is_nothing(board: SimBoard) -> None:
    board.press()
    hands = hands_on(board)
    assert feel(board, hands, 50) == []
    board.release()
    assert feel(board, hands, 50) == []
    board.tap()
    assert [event for event, _ in feel(board, hands, 50)] == [Event.BUTTON_TAP]


def test_muting_counts_in_the_frame_of_the_first_touch(board: SimBoard) -> None:
    hands = hands_on(board)
    board.mute_on()
    assert feel(board, hands, 50) == [(Event.MUTE_ON, 1)]
    assert hands.switch


def test_unmuting_counts_once_the_switch_stood_still(board: SimBoard) -> None:
    board.mute_on()
    hands = hands_on(board)
    assert feel(board, hands, 9) == []
    assert hands.switch
    board.mute_off()
    assert feel(board, hands, 50) == [(Event.MUTE_OFF, 4)]
    assert not hands.switch


def test_a_switch_that_chatters_on_its_way_to_muted_mutes_once_and_stays(board: SimBoard) -> None:
    hands = hands_on(board)
    board.bounce("mute", 4)
    board.mute_on()
    board.bounce("mute", 4)
    assert feel(board, hands, 50) == [(Event.MUTE_ON, 1)]
    assert hands.switch


def test_a_switch_that_chatters_on_its_way_back_unmutes_once_after_the_last_of_it(board: SimBoard) -> None:
    board.mute_on()
    hands = hands_on(board)
    feel(board, hands, 1)
    for frame in range(5):
        board.at(board.now + 1 + frame * FRAME_SAMPLES, board.mute_off)
        board.at(board.now + 200 + frame * FRAME_SAMPLES, board.mute_on)
    board.at(board.now + 5 * FRAME_SAMPLES, board.mute_off)
    assert feel(board, hands, 50) == [(Event.MUTE_OFF, 8)]


def test_a_loose_mute_contact_mutes_at_once_every_time(board: SimBoard) -> None:
    """Each spike mutes, and none unmutes: only a position that was held is a hand's."""
    hands = hands_on(board)
    for turn in range(3):
        board.at(board.now + 1 + turn * 10 * FRAME_SAMPLES, lambda: board.bounce("mute", 3))
    assert feel(board, hands, 40) == [
        (Event.MUTE_ON, 1),
        (Event.MUTE_ON, 11),
        (Event.MUTE_ON, 21),
    ]


def test_button_and_switch_at_once_are_both_felt(board: SimBoard) -> None:
    hands = hands_on(board)
    board.tap(samples=1_600)
    board.at(board.now + 1_700, board.mute_on)
    assert feel(board, hands, 50) == [(Event.MUTE_ON, 6), (Event.BUTTON_TAP, 8)]


def test_hands_are_pending_until_everything_is_understood(board: SimBoard) -> None:
    hands = hands_on(board)
    board.tap(samples=640)
    pending = []
    for _ in range(8):
        hands.feel(board.rest())
        pending.append(hands.pending)
    assert pending[0]
    assert not pending[-1]


def test_a_mute_edge_that_was_lost_is_found_by_looking_at_the_pin(board: SimBoard) -> None:
    hands = hands_on(board)
    board.mute_on()
    board.panel.edges.clear()
    assert hands.feel(board.now) == [Event.MUTE_ON]
    assert hands.feel(board.now) == []
