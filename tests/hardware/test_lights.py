"""Colours are a function of cue and samples, and nothing else."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import BoardError
from hardware.lights import CUES, colour

DARK = (0.0, 0.0, 0.0)


def test_the_vocabulary_is_the_one_the_firmware_speaks() -> None:
    assert set(CUES) == {
        "booting", "idle", "verifying", "listening", "processing", "responding", "offline", "error", "muted",
        "muted_soft",
    }  # fmt: skip


def test_idle_is_dark_and_nothing_else_is() -> None:
    dark = {name for name in CUES if colour(name, 0) == DARK}
    assert dark == {"idle"}


@given(elapsed=st.integers(0, 10**9), cue=st.sampled_from([name for name in CUES if name != "idle"]))
def test_no_cue_goes_dark_while_it_is_shown(elapsed: int, cue: str) -> None:
    assert max(colour(cue, elapsed)) > 0


@given(elapsed=st.integers(0, 10**9), cue=st.sampled_from(list(CUES)))
def test_colours_are_fractions_and_never_brighter_than_the_cue(elapsed: int, cue: str) -> None:
    for component, full in zip(colour(cue, elapsed), CUES[cue].rgb, strict=True):
        assert 0 <= component <= full <= 1


@pytest.mark.parametrize("cue", ["idle", "listening", "responding", "muted", "muted_soft"])
def test_steady_cues_stay_as_they_are(cue: str) -> None:
    assert {colour(cue, elapsed) for elapsed in range(0, 64_000, 320)} == {CUES[cue].rgb}


@pytest.mark.parametrize("cue", ["booting", "verifying", "processing", "offline", "error"])
def test_pulsing_cues_start_full_sink_to_an_eighth_and_come_back(cue: str) -> None:
    rgb, period = CUES[cue]
    assert colour(cue, 0) == rgb
    assert colour(cue, period // 2) == tuple(component / 8 for component in rgb)
    assert colour(cue, period) == rgb


def test_a_pulse_changes_the_light_seldom() -> None:
    colours = [colour("error", elapsed) for elapsed in range(0, 16_000, 320)]
    assert 10 <= sum(a != b for a, b in pairwise(colours)) <= 16


def test_muted_error_and_offline_differ_in_colour_or_in_movement() -> None:
    looks = [CUES[name] for name in ("muted", "muted_soft", "error", "offline")]
    assert len(set(looks)) == 4


def test_an_unknown_cue_is_an_error() -> None:
    with pytest.raises(BoardError, match="'rainbow': unknown"):
        colour("rainbow", 0)
