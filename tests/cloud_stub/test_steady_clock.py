"""A cloud's clock that leaps or creeps destroys no key that is still needed, either way and over restarts."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.ages import Ages
from cloud_stub.config import load
from cloud_stub.errors import KeyFileError
from cloud_stub.keys import Keys
from tests.cloud_stub.clocks import Running

SETTINGS = msgspec.structs.replace(load(None).keys, suite="x25519")
DAY, YEARS = timedelta(days=1), timedelta(days=3650)
GRACE = 7


class Hall:
    """A cloud's keys, its wall clock and its running time, which go together until the first leaps."""

    def __init__(self, directory, now):
        self.directory = directory
        self.running = Running()
        self.wall = now
        self.start()
        self.old = self.keys.epoch(now)

    def start(self):
        self.keys = Keys(self.directory, SETTINGS, self.running)

    def go(self, days):
        """Run on, with a tick an hour."""
        for _ in range(round(days * 24)):
            self.tick(1 / 24)

    def tick(self, days):
        """Run on, with one tick at the end."""
        self.running.days(days)
        self.wall += days * DAY
        self.keys.note(self.wall)

    @property
    def opens(self):
        """Whether what was sealed on the first day can still be opened."""
        held = self.keys.reader(self.old.key.public.id, self.wall) is not None
        assert held == self.old.path.exists()
        return held


@pytest.fixture
def hall(tmp_path, now):
    return Hall(tmp_path / "keys", now)


def test_while_no_clock_leaps_a_key_lives_its_day_and_its_grace(hall):
    hall.go(1 + GRACE - 1 / 24)
    assert hall.opens
    hall.go(1 / 24)
    assert not hall.opens


def test_a_clock_that_leaps_years_ahead_and_comes_back_destroys_nothing(hall):
    hall.wall += YEARS
    hall.go(GRACE - 1)
    assert hall.opens
    hall.wall -= YEARS
    hall.go(1)
    assert hall.opens


def test_a_clock_that_stays_ahead_is_believed_after_a_grace_of_running_time(hall):
    hall.wall += YEARS
    hall.keys.note(hall.wall)
    hall.go(GRACE - 1 / 24)
    assert hall.opens
    hall.go(1 / 24)
    assert not hall.opens


def test_running_time_is_counted_over_restarts_and_a_restart_adds_nothing(hall):
    hall.wall += YEARS
    hall.keys.note(hall.wall)
    for _ in range(GRACE):
        assert hall.opens
        hall.start()
        hall.go(1)
    hall.go(1 / 24)
    assert not hall.opens


def test_a_clock_that_is_ahead_at_the_start_destroys_nothing(hall):
    hall.go(1)
    hall.wall += YEARS
    hall.start()
    assert hall.opens


def test_steps_of_less_than_a_day_that_add_up_destroy_nothing(hall):
    for _ in range(100):
        hall.running.days(1 / 86_400)
        hall.wall += 23 * DAY / 24
        hall.keys.note(hall.wall)
        assert hall.opens


def test_a_clock_that_is_set_by_seconds_changes_nothing(hall):
    for _ in range(8 * 24 - 1):
        hall.wall += DAY / 28_800
        hall.go(1 / 24)
        hall.wall -= DAY / 28_800
    assert hall.opens
    hall.go(1 / 24)
    assert not hall.opens


def test_without_its_memory_it_counts_anew(hall):
    hall.go(6)
    (hall.directory / "ages").unlink()
    hall.start()
    hall.go(GRACE - 1 / 24)
    assert hall.opens
    hall.go(2 / 24)
    assert not hall.opens


def test_a_cloud_that_is_off_at_night_destroys_after_a_grace_of_days_that_it_ran(hall):
    nights = 0
    while hall.opens:
        hall.go(14 / 24)
        hall.wall += DAY * 10 / 24
        hall.start()
        nights += 1
    assert nights == GRACE * 24 / 14


def test_a_clock_set_back_for_years_destroys_nothing_until_it_is_right_again(hall):
    hall.go(2)
    hall.wall -= YEARS
    hall.go(3 * GRACE)
    early = hall.keys.epoch(hall.wall)
    assert hall.opens
    hall.wall += YEARS
    hall.go(1 / 24)
    assert not hall.opens
    hall.go(GRACE - 2)
    assert early.path.exists()


def test_years_that_were_believed_and_then_were_wrong_cost_no_key_of_the_present(hall):
    hall.wall += YEARS
    hall.go(2 * GRACE)
    hall.wall -= YEARS
    hall.old = hall.keys.epoch(hall.wall)
    hall.go(1 + GRACE - 1 / 24)
    assert hall.opens


def test_after_two_days_switched_off_it_goes_on_as_before_but_later(hall):
    hall.wall += 20 * DAY
    hall.start()
    hall.go(GRACE - 1)
    assert hall.opens
    hall.go(1 + 1 / 24)
    assert not hall.opens


MOVES = st.one_of(st.floats(-1, 1), st.floats(-5000, 5000))
"""Days that a wall clock is moved by: small steps as often as leaps."""


@settings(deadline=None, max_examples=50)
@given(st.floats(-5000, 5000), st.lists(st.tuples(MOVES, st.integers(1, 12), st.booleans()), max_size=60))
def test_no_clock_destroys_a_key_before_a_grace_of_running_time(tmp_path_factory, now, start, moves):
    hall = Hall(tmp_path_factory.mktemp("hall"), now + start * DAY)
    ran = 0
    for days, hours, restarted in moves:
        if ran + hours >= 24 * GRACE:
            break
        hall.wall = max(hall.wall + days * DAY, now - 2 * YEARS)
        if restarted:
            hall.start()
        hall.tick(hours / 24)
        ran += hours
        assert hall.opens


def test_what_it_remembers_is_whole_or_refused(tmp_path):
    path = tmp_path / "ages"
    for text in (b"{}", b"", b'{"v":1,"ran_s":{"x":-1}}'):
        path.write_bytes(text)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match=r"ages: not the ages of keys; [^\n]*$"):
            Ages(path, Running())


def test_an_age_that_cannot_be_remembered_is_an_error_of_one_line(tmp_path):
    running = Running()
    ages = Ages(tmp_path / "gone" / "ages", running)
    running.days(1)
    with pytest.raises(KeyFileError, match=r"ages: [^;]*; the cloud must own this directory$"):
        ages.of(["a key"])
