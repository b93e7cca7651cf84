"""End-pointing over a string of frames: `s` is speech, `.` is quiet, 20 ms each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import DEFAULTS, load
from device.endpoint import CEILING_S, Endpoint, Limits
from device.session import Event
from hardware.board import FRAME_SAMPLES, RATE_HZ

SECOND = RATE_HZ // FRAME_SAMPLES


def limits(
    speech_start_s: float = 0.3, silence_s: float = 0.7, no_speech_s: float = 4.0, maximum_s: float = 10.0
) -> Limits:
    samples = [round(s * RATE_HZ) for s in (speech_start_s, silence_s, no_speech_s, maximum_s)]
    return Limits(*samples)


def hear(frames: str, *, by_hand: bool = False, within: Limits | None = None) -> tuple[Event, int] | None:
    """Return the event that ends it and the number of frames until then."""
    endpoint = Endpoint(within or limits(), by_hand=by_hand)
    for count, frame in enumerate(frames, 1):
        event = endpoint.hear(frame == "s", FRAME_SAMPLES)
        if event is not None:
            return event, count
    return None


def test_the_limits_of_the_tests_are_those_of_the_defaults() -> None:
    settings = load(None).endpoint
    assert (settings.speech_start_s, settings.silence_s) == (0.3, 0.7)
    assert (settings.no_speech_s, settings.maximum_s) == (4.0, 10.0)
    assert DEFAULTS.is_file()


def test_speech_of_300_ms_is_a_beginning_and_700_ms_of_quiet_after_it_an_end() -> None:
    assert hear("s" * 15 + "." * 35) == (Event.SILENCE, 50)
    assert hear("s" * 15 + "." * 34) is None


def test_less_speech_than_300_ms_is_no_beginning() -> None:
    assert hear("s" * 14 + "." * 500) == (Event.NO_SPEECH, 200)


def test_without_speech_it_gives_up_after_4_s() -> None:
    assert hear("." * 199) is None
    assert hear("." * 200) == (Event.NO_SPEECH, 200)


def test_a_beginning_in_the_last_moment_is_not_given_up() -> None:
    assert hear("." * 185 + "s" * 15 + "." * 35) == (Event.SILENCE, 235)
    assert hear("." * 186 + "s" * 14) == (Event.NO_SPEECH, 200)


def test_quiet_is_counted_from_the_last_speech() -> None:
    assert hear("s" * 15 + ("." * 34 + "s") * 3 + "." * 35) == (Event.SILENCE, 155)


def test_endless_speech_ends_after_10_s() -> None:
    assert hear("s" * 499) is None
    assert hear("s" * 600) == (Event.MAX_DURATION, 500)


@pytest.mark.parametrize("click", ["s.", "ss..", "sssss" + "." * 5, "." + "s" * 7 + "." * 7])
def test_clicks_are_not_a_beginning_however_often(click: str) -> None:
    assert hear(click * 500) == (Event.NO_SPEECH, 200)


def test_speech_with_short_gaps_is_a_beginning() -> None:
    assert hear("sss." * 8 + "." * 40) == (Event.SILENCE, 31 + 35)


@pytest.mark.parametrize("frames", ["." * 600, "s" * 600, ("s" * 20 + "." * 40) * 10])
def test_by_hand_only_the_hand_and_the_maximum_end_it(frames: str) -> None:
    assert hear(frames[:499], by_hand=True) is None
    assert hear(frames, by_hand=True) == (Event.MAX_DURATION, 500)


def test_the_maximum_outranks_every_other_end() -> None:
    at_once = limits(silence_s=0.02, no_speech_s=0.02, maximum_s=0.02)
    assert hear(".", within=at_once) == (Event.MAX_DURATION, 1)


def test_the_ceiling_is_30_s() -> None:
    assert CEILING_S == 30.0


@given(
    st.text("s.", min_size=30 * SECOND, max_size=30 * SECOND),
    st.tuples(*[st.floats(0.02, 100)] * 3),
    st.integers(1, 30 * SECOND),
    st.booleans(),
)
def test_whatever_is_heard_it_ends_by_the_maximum(
    frames: str, others_s: tuple[float, float, float], maximum: int, by_hand: bool
) -> None:
    within = limits(*others_s, maximum_s=maximum / SECOND)
    ended = hear(frames, by_hand=by_hand, within=within)
    assert ended is not None
    event, count = ended
    assert count <= maximum
    assert (event is Event.MAX_DURATION) == (count == maximum)
    assert not by_hand or event is Event.MAX_DURATION


@given(st.text("s.", max_size=600))
def test_silence_is_only_said_after_speech_and_no_speech_only_without(frames: str) -> None:
    ended = hear(frames)
    if ended is not None and ended[0] is Event.SILENCE:
        assert frames[: ended[1]].count("s") >= 15
        assert frames[: ended[1]].endswith("." * 35)
    if ended is not None and ended[0] is Event.NO_SPEECH:
        assert ended[1] == 200
