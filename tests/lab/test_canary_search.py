"""The search finds a sound in every form, at any place, and nothing where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.canary.card import canary
from lab.canary.forms import DOWN, FORMS, MEANS, SKIPPED, Form, Samples
from lab.canary.search import Grain, Sought

SOUND = canary(3, 32_000)
SOUGHT = Sought(SOUND)
NOISE = np.random.default_rng(4).bytes(1 << 20)

by_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


def written(form: Form, sound: Samples) -> bytes:
    """A sound as it is in that form, with other numbers in between."""
    values = form.made.make(sound)
    if form.made in (DOWN, MEANS, SKIPPED):
        values = values[: (len(values) + 1) // 2]  # of both halves the first
    numbers = values / form.written.scale if form.written.scale else values + form.written.lift
    between = np.frombuffer(NOISE, form.written.dtype, form.apart * len(values)).copy()
    between[:: form.apart] = numbers.astype(form.written.dtype)
    return between.tobytes()


@by_form
def test_a_piece_is_found_in_every_form_where_it_begins_and_which_samples_it_is(form: Form) -> None:
    first, samples = 9_001, 640
    copy = written(form, SOUND[first : first + samples])
    data = NOISE[:777] + copy + NOISE[:500]
    (found, *_) = sorted(
        (each for each in SOUGHT.within(data) if each.form == form.name), key=lambda each: -each.samples
    )
    ends = 200 if form.made.near == 3 else 1  # a filter rings where a sound is cut
    assert abs(found.first - first) <= ends
    assert found.samples >= (samples - 2 * ends) * form.made.rate
    assert 777 <= found.offset < 777 + len(copy) // 2
    assert 777 + len(copy) // 2 < found.end <= 777 + len(copy)


def test_in_a_megabyte_of_noise_and_in_another_canary_nothing_is_found() -> None:
    assert list(SOUGHT.within(NOISE)) == []
    assert list(SOUGHT.within(canary(5, 32_000).tobytes())) == []
    assert list(SOUGHT.within(b"")) == []
    assert list(SOUGHT.within(b"\0" * 100_000)) == []


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, 31_000), samples=st.integers(14, 400), at=st.integers(0, 4_000))
def test_no_piece_of_fourteen_samples_is_missed_wherever_it_lies(first: int, samples: int, at: int) -> None:
    data = bytes(at) + SOUND[first : first + samples].tobytes() + bytes(64)
    found = [each for each in SOUGHT.within(data) if each.form == "sound as int16"]
    assert [(each.first, each.samples, each.offset) for each in found] == [(first, samples, at)]


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, 31_000), at=st.integers(0, 4_000))
def test_a_coarser_search_misses_no_twenty_milliseconds(first: int, at: int) -> None:
    coarse = _coarse()
    data = bytes(at) + SOUND[first : first + 320].tobytes() + bytes(64)
    assert any(each.form == "sound as int16" and each.samples == 320 for each in coarse.within(data))


_kept: list[Sought] = []


def _coarse() -> Sought:
    if not _kept:
        _kept.append(Sought(SOUND, Grain(least=320, said=320, hop=4)))
    return _kept[0]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32), peak=st.integers(4, 200), first=st.integers(0, 7_000), at=st.integers(0, 999),
    kind=st.sampled_from(["<i2", ">i2", "<f4"]),
)  # fmt: skip
def test_nor_does_it_where_the_sound_is_nearly_silent(
    seed: int, peak: int, first: int, at: int, kind: str
) -> None:
    """As many runs are looked at as make it sure enough: one may be flat."""
    draw = np.random.default_rng(seed)
    quiet = np.clip(np.rint(draw.normal(0, peak / 2, 8_000)), -peak, peak).astype(np.int16)
    piece = quiet[first : first + 640]
    copy = (piece / 32_768 if kind == "<f4" else piece).astype(kind).tobytes()
    sought = Sought(quiet, Grain(least=320, said=320, hop=16))
    assert list(sought.within(NOISE[:at] + copy + NOISE[:500]))
    assert list(sought.within(NOISE[: 50_000 + at])) == []


def test_two_copies_that_lie_side_by_side_are_two_pieces() -> None:
    piece = SOUND[100:400].tobytes()
    found = [each for each in SOUGHT.within(piece + piece) if each.form == "sound as int16"]
    assert [(each.first, each.samples) for each in found] == [(100, 300), (100, 300)]
