"""Intervals against printed tables, percentiles against another implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.study.statistics import Durations, durations, percentile, poisson, rate, share, wilson

# Pearson and Hartley, Biometrika Tables for Statisticians I, table 40 (two-sided, 95 %)
GARWOOD = [
    (0, 0.0, 3.69),
    (1, 0.0253, 5.57),
    (2, 0.242, 7.22),
    (3, 0.619, 8.77),
    (5, 1.62, 11.67),
    (10, 4.80, 18.39),
    (20, 12.22, 30.89),
    (50, 37.11, 65.92),
]
# Newcombe, Statistics in Medicine 17 (1998), table I, method 3
WILSON = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("events", "low", "high"), GARWOOD)
def test_a_count_has_the_interval_of_the_printed_table(events: int, low: float, high: float) -> None:
    assert poisson(events) == (pytest.approx(low, rel=2.5e-3), pytest.approx(high, rel=2.5e-3))


@pytest.mark.parametrize(("successes", "trials", "low", "high"), WILSON)
def test_a_share_has_the_interval_of_the_printed_table(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert wilson(successes, trials) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


@pytest.mark.parametrize("events", [0, 1, 7, 2.5, 0.3, 365, 20_000])
def test_a_count_of_any_size_agrees_with_scipy(events: float) -> None:
    chi2 = pytest.importorskip("scipy.stats", reason="scipy comes with the extra [study]").chi2
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    assert poisson(events) == (pytest.approx(low), pytest.approx(chi2.ppf(0.975, 2 * events + 2) / 2))


@given(st.integers(0, 3000))
def test_more_events_never_lower_either_end(events: int) -> None:
    (low, high), (next_low, next_high) = poisson(events), poisson(events + 1)
    assert low <= events <= high
    assert low < next_low
    assert high < next_high


def test_a_rate_is_in_the_unit_of_its_exposure() -> None:
    found = rate(10, 10.55)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.9479, 0.4545, 1.7432), abs=1e-4)
    assert rate(3, 0) is None


def test_the_same_audio_heard_again_makes_nothing_surer() -> None:
    once, thrice = rate(4, 10), rate(12, 30, heard=3)
    assert once is not None
    assert thrice is not None
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))
    assert share(12, 30, heard=3) == share(4, 10)
    assert share(0, 0) is None


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=40), st.sampled_from([10, 25, 50, 75, 90, 100]))
def test_percentiles_are_those_of_matlab(values: list[float], percent: int) -> None:
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent, method="hazen")))


def test_durations_are_told_by_four_numbers() -> None:
    assert durations([1, 2, 3, 4]) == Durations(4, 2.5, 3.5, 4, 4)
    assert durations([8.0]) == Durations(1, 8.0, 8.0, 8.0, 8.0)
    assert durations([]) is None
