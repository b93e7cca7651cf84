"""Misses against false wakes: the curve agrees with counting by hand, at every threshold."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.study import trade
from lab.study.det import SILENT, Trials, at, curve, missed, operating_points, trials, wakes_an_hour
from lab.study.figures import Hearing
from lab.study.records import AS_IT_IS, Heard, Item

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), max_size=12)


def hearing(
    second: Sequence[float | None], *, said: bool, seconds: float = 1800, error: str | None = None,
    condition: str = AS_IT_IS, number: int = 0,
) -> Hearing:  # fmt: skip
    """A file with a proposal for each second score."""
    file = "said.flac" if said else "tv.flac"
    item = Item(file, number, condition, seconds, None, "alexa" if said else None, "", error)
    heard = [
        Heard(file, number, condition, "alexa", 1.0, 1.2, 0.97, score, True, 2.0, None, said)
        for score in second
    ]
    return Hearing(item, tuple(heard), said)


def test_a_file_with_the_word_counts_by_its_best_score_and_a_silent_one_as_missed() -> None:
    tried = trials(
        [
            hearing([0.2, 0.8], said=True),
            hearing([], said=True),
            hearing([0.4], said=True),
            hearing([0.3, 0.9], said=False),
            hearing([], said=False),
        ]
    )
    assert tried.spoken == (SILENT, 0.4, 0.8)
    assert tried.false == (0.3, 0.9)
    assert tried.hours == 1.0
    points = [(p.threshold, p.false_wakes, p.misses, p.per_hour, p.miss_rate) for p in curve(tried)]
    third = pytest.approx(1 / 3)
    assert points == [
        (math.inf, 0, 3, 0.0, 1.0),
        (0.9, 1, 3, 1.0, 1.0),
        (0.8, 1, 2, 1.0, pytest.approx(2 / 3)),
        (0.4, 1, 1, 1.0, third),
        (0.3, 2, 1, 2.0, third),  # the silent file is missed at every threshold
    ]


@given(SCORES, SCORES)
def test_every_point_is_what_counting_gives(spoken: list[float], false: list[float]) -> None:
    tried = trials([*(hearing([score], said=True) for score in spoken), hearing(false, said=False)])
    points = curve(tried)
    for point in points:
        assert point.false_wakes == sum(score >= point.threshold for score in false)
        assert point.misses == sum(score < point.threshold for score in spoken)
    for before, after in pairwise(points):
        assert before.threshold > after.threshold
        assert before.false_wakes <= after.false_wakes
        assert before.misses >= after.misses


def test_without_a_second_ear_the_first_decides() -> None:
    assert trials([hearing([None], said=False)]).false == (0.97,)


def test_what_broke_off_is_no_trial_of_the_word_but_its_hours_are_hours() -> None:
    tried = trials(
        [hearing([], said=True, error="damaged"), hearing([0.9], said=False, seconds=900, error="damaged")]
    )
    assert (tried.spoken, tried.false, tried.hours) == ((), (0.9,), 0.25)


def test_rates_are_unknown_where_there_was_nothing_to_measure() -> None:
    only_said, only_not = trials([hearing([0.5], said=True)]), trials([hearing([0.5], said=False)])
    assert at(only_said, 0.4).per_hour is None
    assert at(only_said, 0.4).miss_rate == 0.0
    assert at(only_not, 0.4).miss_rate is None
    assert missed(only_not, at(only_not, 0.4)) is None
    assert wakes_an_hour(only_said, at(only_said, 0.4)) is None
    assert curve(trials([])) == [at(trials([]), math.inf)]


def test_the_word_may_be_taken_of_one_condition_and_false_wakes_of_all() -> None:
    tried = trials(
        [
            hearing([0.9], said=True),
            hearing([0.2], said=True, condition="kitchen"),
            hearing([0.4], said=False),
        ],
        "kitchen",
    )
    assert tried.spoken == (0.2,)
    assert tried.false == (0.4,)


def test_a_score_at_the_threshold_wakes() -> None:
    tried = Trials((0.5,), (0.5,), 1.0)
    assert (at(tried, 0.5).false_wakes, at(tried, 0.5).misses) == (1, 0)
    assert (at(tried, 0.500001).false_wakes, at(tried, 0.500001).misses) == (0, 1)


def test_the_sensitivities_are_points_of_the_curve_in_their_order() -> None:
    tried = Trials((0.1, 0.6, 0.9), (0.2, 0.3, 0.7), 2.0)
    points = operating_points(tried, {"strict": 0.8, "balanced": 0.5, "eager": 0.15})
    assert [(name, p.false_wakes, p.misses) for name, p in points.items()] == [
        ("strict", 0, 2),
        ("balanced", 1, 1),
        ("eager", 3, 1),
    ]


def test_rounds_of_the_same_audio_do_not_narrow_an_interval() -> None:
    once = trials([hearing([0.9], said=False), hearing([0.9], said=True)])
    thrice = trials([hearing([0.9], said=said, number=n) for n in range(3) for said in (True, False)])
    assert wakes_an_hour(thrice, at(thrice, 0.5)) == wakes_an_hour(once, at(once, 0.5))
    assert missed(thrice, at(thrice, 0.95)) == missed(once, at(once, 0.95))


def test_the_picture_needs_both_kinds_of_audio() -> None:
    both = Trials((0.4, 0.9), (0.2, 0.6), 3.0)
    assert trade.draw({"said": Trials((), (0.2,), 3.0)}, {}) is None
    assert trade.draw({"said": Trials((0.4,), (), 0.0)}, {}) is None
    picture = trade.draw({AS_IT_IS: both, "<kitchen>": both}, {"strict": 0.8, "twin": 0.8})
    assert picture is not None
    assert picture.svg.count('class="curve') == 2
    assert "<kitchen>" not in picture.svg
    assert ">strict, twin<" in picture.svg  # one place, one name


def test_a_long_curve_takes_no_more_room_than_a_screen_can_show() -> None:
    many = tuple(number / 100_000 for number in range(50_000))
    picture = trade.draw({AS_IT_IS: Trials(many, many, 1000.0)}, {})
    assert picture is not None
    assert len(picture.svg) < 400_000
