"""Messages, frames out of pieces, and what a clock says of samples that were lost."""

import select

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardware.board import FRAME_BYTES, FRAME_SAMPLES
from hardware.pi.frames import MESSAGE_BYTES, Cutter, Heard, Note, pack_frame, pack_note, unpack
from hardware.pi.lost import Timeline

pieces = st.lists(st.integers(0, 1000), max_size=20)


def test_a_message_is_taken_by_a_pipe_whole_or_not_at_all() -> None:
    assert MESSAGE_BYTES <= select.PIPE_BUF


@given(
    st.integers(0, 2**62), st.integers(0, 2**32 - 1), st.floats(0, 1e9),
    st.binary(min_size=FRAME_BYTES, max_size=FRAME_BYTES),
)  # fmt: skip
def test_a_frame_comes_out_of_its_message_as_it_went_in(
    offset: int, overruns: int, sent_s: float, pcm: bytes
) -> None:
    message = pack_frame(offset, overruns, sent_s, pcm)
    assert len(message) == MESSAGE_BYTES
    assert unpack(message) == Heard(offset, overruns, sent_s, pcm)


@given(st.builds(Note, st.text(), st.integers(0, 192_000), st.integers(0, 32), st.text(), st.just("wedged")))
@example(Note("\U0001f3a4" * 200, 16_000, 6, "\U0001f3a4" * 500, "unplugged"))
def test_a_note_fits_into_a_message_whatever_a_driver_calls_its_card(note: Note) -> None:
    message = pack_note(note)
    assert len(message) == MESSAGE_BYTES
    said = unpack(message)
    assert isinstance(said, Note)
    assert (said.rate_hz, said.channels, said.fault) == (note.rate_hz, note.channels, note.fault)
    assert bool(said.error) >= bool(note.error)


@given(pieces)
def test_frames_are_the_pieces_one_after_the_other(lengths: list[int]) -> None:
    sound = np.arange(sum(lengths), dtype="<i2").tobytes()
    cutter, frames, at = Cutter(), [], 0
    for length in lengths:
        frames += list(cutter.cut(sound[2 * at : 2 * (at + length)]))
        at += length
    assert len(frames) == at // FRAME_SAMPLES
    assert [offset for offset, _ in frames] == [FRAME_SAMPLES * n for n in range(len(frames))]
    assert b"".join(pcm for _, pcm in frames) == sound[: FRAME_BYTES * len(frames)]


@given(st.integers(0, 999), st.integers(1, 10_000))
def test_after_a_gap_a_frame_begins_with_the_first_sample_that_was_not_lost(before: int, gap: int) -> None:
    cutter = Cutter()
    assert len(list(cutter.cut(bytes(2 * before)))) == before // FRAME_SAMPLES
    cutter.jump(before + gap)
    new = bytes(range(256)) * 5
    assert list(cutter.cut(new)) == [(before + gap, new[:640]), (before + gap + 320, new[640:])]


@given(
    jitter_ms=st.lists(st.floats(0, 15), min_size=60, max_size=80),
    lost=st.integers(320, 160_000),
    drift_ppm=st.floats(-200, 200),
)
def test_what_was_lost_is_known_better_than_the_clock_jitters(
    jitter_ms: list[float], lost: int, drift_ppm: float
) -> None:
    rate = 16_000 * (1 + drift_ppm / 1e6)
    timeline = Timeline(16_000)
    for n, late_ms in enumerate(jitter_ms[:-1]):
        assert timeline.place(320, 1000 + 320 * n / rate + late_ms / 1000, overrun=False) == 320 * n
    first = 320 * (len(jitter_ms) - 1) + lost
    late_s = jitter_ms[-1] / 1000
    place = timeline.place(320, 1000 + first / rate + late_s, overrun=True)
    assert abs(place - first) <= 16 * 15 + lost * 2e-4 + 10
    assert timeline.place(320, 0.0, overrun=False) == place + 320


def test_an_overrun_is_a_gap_even_if_the_clock_knows_of_none() -> None:
    timeline = Timeline(16_000)
    timeline.place(320, 10.0, overrun=False)
    assert timeline.place(320, 10.02, overrun=True) == 320 + 16


def test_a_gap_without_an_overrun_is_none() -> None:
    timeline = Timeline(16_000)
    timeline.place(320, 10.0, overrun=False)
    assert timeline.place(320, 11.0, overrun=False) == 320


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_a_card_of_another_rate_is_placed_in_its_own_samples(rate_hz: int) -> None:
    timeline = Timeline(rate_hz)
    timeline.place(rate_hz // 50, 5.0, overrun=False)
    assert timeline.place(rate_hz // 50, 5.52, overrun=True) == pytest.approx(0.52 * rate_hz, abs=1)
