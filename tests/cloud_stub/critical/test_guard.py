"""The tone over what is critical: nothing below survives, nothing beside is touched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.critical.bleep import LEVEL, MARGIN, bleep
from cloud_stub.critical.guard import guard
from cloud_stub.hearing.timed import TimedWord

LOUD = 20_000


def loud(samples):
    """Sound whose every sample is louder than any tone."""
    return np.where(np.arange(samples) % 2, LOUD, -LOUD).astype(np.int16)


@given(
    st.integers(0, 40_000),
    st.lists(st.tuples(st.integers(-5000, 45_000), st.integers(-5000, 45_000)), max_size=5),
)
def test_under_a_tone_nothing_survives_and_beside_it_nothing_changes(samples, stretches):
    sound = loud(samples)
    bleeped = np.frombuffer(bleep(sound.tobytes(), stretches), np.int16)
    hidden = np.zeros(samples, bool)
    for first, end in stretches:
        hidden[max(0, first) : max(0, end)] = True
    assert len(bleeped) == samples
    assert (np.abs(bleeped[hidden].astype(int)) <= LEVEL).all()
    assert (bleeped[~hidden] == sound[~hidden]).all()


def test_an_odd_byte_at_the_end_stays():
    assert bleep(b"\1\2\3", [(0, 1)])[2:] == b"\3"


def test_a_number_is_masked_and_bleeped_from_its_first_word_to_its_last():
    texts = ["my", "card", "is", "4111", "1111", "1111", "1111", "thanks"]
    words = [TimedWord(text, at * 8000, (at + 1) * 8000) for at, text in enumerate(texts)]
    sound = loud(64_000)
    guarded = guard(words, sound.tobytes())
    assert [each.text for each in guarded.words] == ["my", "card", "is", "[card]", "thanks"]
    touched = np.flatnonzero(np.frombuffer(guarded.sound, np.int16) != sound)
    assert (touched[0], touched[-1]) == (3 * 8000 - MARGIN, 7 * 8000 + MARGIN - 1)
    assert [each.kind for each in guarded.found] == ["card"]


def test_nothing_critical_leaves_the_sound_as_it_is():
    sound = loud(1000).tobytes()
    assert guard([TimedWord("stop", 0, 1000)], sound) == ([TimedWord("stop", 0, 1000)], sound, [])
