"""Caps, breaks, and rest after a stop."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.config import ReviewSection, load
from cloud_stub.review.shifts import PAUSE, SHIFT, rest

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SETTINGS = load(None).review


def before(*minutes):
    return [NOW - timedelta(minutes=each) for each in minutes]


def test_who_begins_is_due_no_rest():
    assert rest([], [], NOW, SETTINGS) is None
    assert rest(before(30, 20, 1), [], NOW, SETTINGS) is None


def test_after_work_on_end_a_break_is_due_and_then_over():
    taken = before(*range(46, 0, -1))
    due = rest(taken, [], NOW, SETTINGS)
    assert due.until == max(taken) + PAUSE
    assert rest(taken, [], due.until, SETTINGS) is None
    assert rest(before(60, 40, 20, 1), [], NOW, SETTINGS) is None  # it had breaks in it


def test_a_shift_has_a_cap_that_no_pause_lifts():
    taken = [NOW - timedelta(minutes=5 * at) for at in range(SETTINGS.per_shift)]
    due = rest(taken, [], NOW, SETTINGS)
    assert due.until == min(taken) + SHIFT
    assert rest(taken, [], due.until + PAUSE, SETTINGS) is None


def test_whoever_stopped_one_is_asked_nothing_for_a_while():
    due = rest([], before(29), NOW, SETTINGS)
    assert due.until == NOW + timedelta(minutes=1)
    assert rest([], before(31), NOW, SETTINGS) is None


def test_no_setting_makes_it_a_thousand():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(SETTINGS) | {"per_shift": 1000}, ReviewSection)


@given(st.lists(st.integers(0, 9 * 60), max_size=150))
def test_whoever_keeps_to_the_rests_never_hears_more_than_a_shift_allows(minutes):
    taken: list[datetime] = []
    for minute in sorted(minutes):
        at = NOW + timedelta(minutes=minute)
        if rest(taken, [], at, SETTINGS) is None:
            taken.append(at)
    for at in taken:
        in_shift = [each for each in taken if at - SHIFT < each <= at]
        assert len(in_shift) <= SETTINGS.per_shift
