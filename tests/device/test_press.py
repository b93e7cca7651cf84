"""What a finger meant, over the sample clock: contacts that chatter, taps, holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.press import Button, Debounce, Gesture
from hardware.board import FRAME_SAMPLES

STILL = 800  # 50 ms
HOLD = 4_800  # 300 ms

Edges = list[tuple[int, bool]]


def gestures(edges: Edges, level: bool = False, until: int = 40_000) -> list[tuple[Gesture, int]]:
    """Play edges (sample, level) to a button that is asked once a frame, as the loop does."""
    button = Button(level, STILL, HOLD)
    found, left = [], list(edges)
    for now in range(FRAME_SAMPLES, until, FRAME_SAMPLES):
        while left and left[0][0] <= now:
            button.edge(left.pop(0)[1], now)
        gesture = button.settle(now)
        if gesture is not None:
            found.append((gesture, now))
    return found


def kinds(edges: Edges, level: bool = False) -> list[Gesture]:
    return [gesture for gesture, _ in gestures(edges, level)]


def chatter(at: int, level: bool, times: int = 9) -> Edges:
    """A contact that goes to `level` and back a few times before it stays there."""
    return [(at + 40 * n, level if n % 2 == 0 else not level) for n in range(times)]


def test_a_short_press_is_a_tap_once_the_contact_stood_still() -> None:
    assert gestures([(1_000, True), (2_600, False)]) == [(Gesture.TAP, 2_880 + 960)]


def test_a_long_press_is_a_hold_while_down_and_a_release_when_up() -> None:
    assert gestures([(1_000, True), (20_000, False)]) == [
        (Gesture.HOLD, 1_280 + 960 + HOLD),
        (Gesture.RELEASE, 20_160 + 960),
    ]


def test_a_button_that_is_never_let_go_is_held_once() -> None:
    assert kinds([(1_000, True)]) == [Gesture.HOLD]


def test_a_finger_that_left_before_the_hold_was_due_tapped() -> None:
    """The hold falls due while the contact is open again and not yet believed."""
    down_at = 1_280 + 960
    assert kinds([(1_000, True), (down_at + HOLD - 400, False)]) == [Gesture.TAP]


def test_a_chattering_contact_is_one_tap() -> None:
    assert kinds(chatter(1_000, True) + chatter(3_000, False)) == [Gesture.TAP]


def test_a_chattering_contact_is_one_hold_and_one_release() -> None:
    assert kinds(chatter(1_000, True) + chatter(20_000, False)) == [Gesture.HOLD, Gesture.RELEASE]


@pytest.mark.parametrize("edges", [[(1_000, True), (1_200, False)], chatter(1_000, True, times=10)])
def test_a_touch_shorter_than_the_debounce_is_nothing(edges: Edges) -> None:
    assert kinds(edges) == []


def test_two_presses_are_two_taps() -> None:
    assert kinds([(1_000, True), (2_600, False), (5_000, True), (6_600, False)]) == [Gesture.TAP] * 2


def test_a_button_held_from_boot_is_neither_hold_nor_tap_until_pressed_anew() -> None:
    assert kinds([], level=True) == []
    assert kinds([(9_000, False)], level=True) == []
    assert kinds([(9_000, False), (12_000, True), (13_600, False)], level=True) == [Gesture.TAP]


def test_a_button_is_pending_while_the_loop_must_keep_asking() -> None:
    button = Button(False, STILL, HOLD)
    asked = []
    button.edge(True, 0)
    for now in (320, 960, 5_760, 6_000):
        button.settle(now)
        asked.append(button.pending)
    assert asked == [True, True, False, False]
    button.edge(False, 6_000)
    assert button.pending
    assert button.settle(6_800) is Gesture.RELEASE
    assert not button.pending


def test_a_level_counts_after_it_stood_still_and_is_told_once() -> None:
    contact = Debounce(False, STILL)
    contact.edge(True, 100)
    assert [contact.settle(899), contact.settle(900), contact.settle(9_000)] == [False, True, False]
    assert contact.level


def test_every_edge_starts_the_wait_anew() -> None:
    contact = Debounce(False, STILL)
    for sample in (100, 700, 1_300):
        contact.edge(True, sample)
        assert not contact.settle(sample + 799)
    assert contact.settle(2_100)


def test_a_level_that_came_back_was_never_left() -> None:
    contact = Debounce(True, STILL)
    contact.edge(False, 100)
    assert contact.pending
    contact.edge(True, 200)
    assert not contact.pending
    assert not contact.settle(9_000)


@given(st.lists(st.tuples(st.integers(1, 4_000), st.booleans()), max_size=40), st.booleans())
def test_gestures_alternate_as_fingers_do_whatever_the_contact_does(steps: Edges, level: bool) -> None:
    at, edges = 0, []
    for gap, to in steps:
        at += gap
        edges.append((at, to))
    found = [gesture for gesture, _ in gestures(edges, level, until=at + 20_000)]
    for before, after in zip([None, *found], found, strict=False):
        assert (after is Gesture.RELEASE) == (before is Gesture.HOLD)
