"""What owners wish, and that time alone carries it out."""

from contextlib import closing
from datetime import timedelta

import pytest

from cloud_stub.chores import REST, Chores
from cloud_stub.errors import StorageError
from cloud_stub.wishes import KEEPS, Wish, Wishes, at_that_time
from tests.cloud_stub.conftest import NOW
from tests.cloud_stub.review.conftest import House


@pytest.fixture
def house(tmp_path, voice):
    made = House(tmp_path / "cloud", voice)
    yield made
    made.close()


def test_without_a_word_nobody_listens_and_it_is_kept_three_months(tmp_path):
    wishes = Wishes(tmp_path)
    assert wishes.of("any") == Wish("3_months", review=False)
    assert wishes.said("any") == []
    wishes.say("any", Wish("never", review=True), NOW)
    wishes.close()
    again = Wishes(tmp_path)
    assert (again.of("any"), again.said("any")) == (Wish("never", review=True), [(NOW, ("never", True))])
    with pytest.raises(ValueError, match="unknown keep"):
        again.say("any", Wish("for_ever"), NOW)
    again.close()


def test_every_wish_is_kept_and_each_held_from_when_it_was_said(tmp_path):
    with closing(Wishes(tmp_path)) as wishes:
        later = NOW + timedelta(days=1)
        first, second = Wish("never", review=True), Wish("18_months")
        wishes.say("any", first, NOW)
        wishes.say("any", second, later)
        wishes.say("other", first, later)
        said = wishes.said("any")
        assert wishes.of("any") == second
    moments = (NOW - timedelta(seconds=1), NOW, later - timedelta(seconds=1), later)
    assert [at_that_time(said, each) for each in moments] == [Wish(), first, first, second]


@pytest.mark.parametrize(("keep", "days"), [("3_months", 92), ("18_months", 549)])
def test_what_is_kept_long_enough_is_shredded_to_the_day(house, keep, days):
    spoken = house.say(draw=False)
    house.wishes.say(house.voice.device, Wish(keep), NOW)
    chores = Chores(house.vault, house.wishes, house.review)
    chores.do(NOW + timedelta(days=days, seconds=-1))
    assert not house.forgotten(spoken.whose)
    chores.do(NOW + timedelta(days=days, minutes=2))
    assert house.forgotten(spoken.whose)
    assert house.vault.accesses()[-1].why == f"its owner's wish: keep {keep}"


def test_what_was_cut_short_is_shredded_as_well_once_its_rest_cannot_come(house):
    spoken = house.voice.say(house.other.reader)
    house.other.take(spoken.messages[:-1])
    house.other.ingest.expire(NOW + timedelta(minutes=30))
    assert house.vault.state(spoken.whose) == "truncated"
    house.wishes.say(house.voice.device, Wish("never"), NOW)
    chores = Chores(house.vault, house.wishes, house.review)
    assert chores.shred(NOW + REST) == 0  # its device may only have lost its network
    assert chores.shred(NOW + REST + timedelta(seconds=1)) == 1
    assert house.forgotten(spoken.whose)


def test_until_deleted_is_until_deleted(house):
    spoken = house.say(draw=False)
    Chores(house.vault, house.wishes, house.review).do(NOW + timedelta(days=9999))
    assert not house.forgotten(spoken.whose)


def test_chores_are_done_once_a_minute_and_at_once_when_the_clock_goes_back(house):
    house.ready()
    chores = Chores(house.vault, house.wishes, house.review)
    chores.do(NOW)
    house.wishes.say(house.voice.device, Wish(review=False), NOW)
    waiting = lambda: house.drawing.withdraw_refused(NOW)  # noqa: E731
    chores.do(NOW + timedelta(seconds=59))
    assert waiting() == 1  # nobody did it before
    chores.do(NOW - timedelta(days=1))
    assert waiting() == 0


def test_many_are_shredded_a_few_at_a_time(house):
    for _ in range(3):
        house.say(draw=False)
    house.wishes.say(house.voice.device, Wish("never"), NOW)
    chores = Chores(house.vault, house.wishes, house.review)
    later = NOW + timedelta(days=1)
    assert [chores.shred(later, most=2) for _ in range(3)] == [2, 1, 0]


def test_a_damaged_file_is_one_line(tmp_path):
    (tmp_path / "wishes.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StorageError, match=r"wishes\.sqlite: .*; restore it"):
        Wishes(tmp_path)


def test_every_keep_has_a_length():
    assert [Wish(each).kept_for for each in KEEPS][-1] is None
    assert all(Wish(each).kept_for is not None for each in KEEPS[:-1])
