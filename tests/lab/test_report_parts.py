"""The parts of the report that are only arithmetic: spans, the time axis, the shape of the sound."""

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from lab.report.axis import Axis, clock
from lab.report.flags import Flag, place
from lab.report.room import READ_SAMPLES, shape
from lab.report.spans import Span, Stretch, common, length, minus, stretches, union

SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda s: Span(s[0], s[0] + s[1])), max_size=6
)


def samples(spans: list[Span]) -> set[int]:
    return {sample for span in spans for sample in range(*span)}


@given(SPANS, SPANS)
def test_arithmetic_on_spans_is_that_of_the_samples_in_them(one: list[Span], other: list[Span]) -> None:
    assert samples(union(one)) == samples(one)
    assert samples(common(one, other)) == samples(one) & samples(other)
    assert samples(minus(one, other)) == samples(one) - samples(other)
    assert length(one) == len(samples(one))


def test_changes_become_stretches_and_a_repeat_changes_nothing() -> None:
    changes = [(0, "idle"), (5, "listening"), (7, "listening"), (9, "idle")]
    assert stretches(changes, 20) == [
        Stretch(0, 5, "idle"),
        Stretch(5, 9, "listening"),
        Stretch(9, 20, "idle"),
    ]


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_ticks_stand_inside_the_axis_and_apart(first: int, length_samples: int) -> None:
    axis = Axis(first, length_samples)
    marks = sorted(tick.sample for tick in axis.ticks(zooms=(1,)) if tick.zoom == 1)
    assert all(first <= mark <= axis.end for mark in marks)
    apart = [(b - a) * axis.width_px / axis.samples for a, b in pairwise(marks)]
    assert all(gap >= 71 for gap in apart) or length_samples < 16_000 * 2 or length_samples > 86_400 * 16_000


@pytest.mark.parametrize(
    ("sample", "tenths", "text"),
    [
        (0, False, "0:00"),
        (7 * 16_000, False, "0:07"),
        (119_200, True, "0:07.4"),
        (3723 * 16_000, False, "1:02:03"),
    ],
)
def test_a_clock_reads_like_a_clock(sample: int, tenths: bool, text: str) -> None:
    assert clock(sample, tenths) == text


def test_labels_never_overlap_at_the_zoom_they_are_shown_at() -> None:
    axis = Axis(0, 16_000 * 60)
    flags = [Flag(16_000 * second, "say a few words", "") for second in range(0, 60, 2)]
    placed = place(flags, axis)
    for zoom in (1, 4, 16, 64):
        for lane in range(4):
            lefts = [f.sample / axis.samples * 960 * zoom for f, of, z in placed if of == lane and z <= zoom]
            assert all(b - a >= 90 for a, b in pairwise(sorted(lefts)[:-1]))
    assert len({flag.sample for flag, _, _ in placed}) == len(flags)


def test_the_shape_is_the_lowest_and_highest_sample_of_each_column(tmp_path: Path) -> None:
    pcm = np.random.default_rng(1).integers(-30_000, 30_000, 3 * READ_SAMPLES + 77).astype(np.int16)
    soundfile.write(str(tmp_path / "room.flac"), pcm, 16_000)
    axis = Axis(1000, len(pcm) - 500, columns=333)
    low, high = shape(tmp_path / "room.flac", axis)
    for column in (0, 1, 165, 331):
        mine = [s for s in range(1000, len(pcm)) if (s - 1000) * 333 // axis.samples == column]
        assert (low[column] * 32768, high[column] * 32768) == (min(0, *pcm[mine]), max(0, *pcm[mine]))


def test_a_long_run_is_read_in_blocks_and_never_as_a_whole(tmp_path: Path) -> None:
    minute = np.zeros(60 * 16_000, dtype=np.int16)
    with soundfile.SoundFile(str(tmp_path / "room.flac"), "w", 16_000, 1, subtype="PCM_16") as file:
        for _ in range(20):
            file.write(minute)
    tracemalloc.start()
    shape(tmp_path / "room.flac", Axis(0, 20 * len(minute)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000 < 20 * minute.nbytes
