"""Samples that the microphone lost: they count as time, are zeros, and are marked; sound never is."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.envelope import Begin, EnvelopeError, Gap, Opener, open_utterance
from device.envelope.gaps import MOST, pack, unpack
from device.envelope.layout import PCM_AT
from device.utterance import MOST_GAPS, MOST_MISSING, Utterance
from hardware.board import FRAME_SAMPLES
from tests.device.test_envelope import AUDITOR, DATA_KEY, sealer_for, tone
from tests.device.test_utterance import READER, ROOM, SEGMENT, frame, opened, utterance

TOO_MUCH = "samples are missing"


def after(taken: Utterance, jumps: Iterable[int], first: int = 0) -> tuple[list[bytes], list[Gap]]:
    """Have a frame heard after each jump; return what was sealed and the gaps that there must be."""
    sealed, gaps, index = [], [], first
    for jump in jumps:
        index += jump
        lost = index - taken.next_sample
        if lost > 0:
            gaps.append(Gap(taken.samples, lost))
            sealed += taken.skip(lost)
        sealed += taken.hear(frame(index))
        index += FRAME_SAMPLES
    return sealed, gaps


# -- inside a segment --------------------------------------------------------------------------------


@st.composite
def in_a_segment(draw: st.DrawFn) -> tuple[bytes, list[Gap]]:
    """PCM of a segment, zero in gaps that do not touch."""
    pcm = bytearray(tone(draw(st.integers(0, SEGMENT))))
    size = len(pcm) // 2
    edges = sorted(draw(st.sets(st.integers(0, size), max_size=2 * MOST))) if size else []
    gaps = [Gap(first, end - first) for first, end in zip(edges[::2], edges[1::2], strict=False)]
    for gap in gaps:
        pcm[2 * gap.first : 2 * gap.end] = bytes(2 * gap.samples)
    return bytes(pcm), gaps


@given(in_a_segment())
@settings(deadline=None)
def test_a_reader_gets_back_the_gaps_and_the_sound_around_them(told: tuple[bytes, list[Gap]]) -> None:
    pcm, gaps = told
    sealer = sealer_for([AUDITOR])
    segment = Opener(Begin.parse(sealer.begin()), DATA_KEY).segment(sealer.segment(pcm, gaps))
    assert (segment.pcm, list(segment.gaps)) == (pcm, gaps)


@pytest.mark.parametrize(
    "gaps",
    [
        [Gap(99, 2)], [Gap(100, 1)], [Gap(-1, 2)], [Gap(5, 0)], [Gap(5, -1)], [Gap(9, 2), Gap(5, 2)],
        [Gap(5, 2), Gap(5, 2)], [Gap(5, 2), Gap(6, 2)], [Gap(5, 2), Gap(7, 2)],
        [Gap(2 * n, 1) for n in range(MOST + 1)],
    ],
)  # fmt: skip
def test_what_no_reader_takes_is_not_sealed(gaps: list[Gap]) -> None:
    """Beyond the sound, empty, out of order, twice, overlapping, touching, too many."""
    sealer = sealer_for([AUDITOR])
    with pytest.raises(EnvelopeError, match="gap"):
        sealer.segment(bytes(200), gaps)
    assert sealer.segment(bytes(200), [Gap(98, 2)])[:4] == bytes(4)  # the refused one took no index


@pytest.mark.parametrize("place", [5, 6])
def test_no_gap_is_claimed_where_there_is_sound(place: int) -> None:
    pcm = bytearray(200)
    pcm[2 * place] = 1
    with pytest.raises(EnvelopeError, match="holds sound"):
        sealer_for([AUDITOR]).last(pcm, [Gap(5, 2)])


@given(st.binary(min_size=PCM_AT - 2, max_size=PCM_AT - 2), st.integers(0, SEGMENT))
def test_whatever_stands_where_gaps_do_is_what_is_written_or_refused(packed: bytes, size: int) -> None:
    pcm = memoryview(bytes(2 * size))
    try:
        gaps = unpack(packed, pcm)
    except EnvelopeError:
        return
    assert pack(gaps, pcm) == packed


def test_a_segment_says_nothing_of_its_gaps_to_who_cannot_open_it() -> None:
    one, other = sealer_for([AUDITOR]), sealer_for([AUDITOR])
    whole = one.last(tone(SEGMENT))
    holed = other.last(bytes(2 * SEGMENT), [Gap(0, SEGMENT)])
    assert len(whole) == len(holed)
    told = [sealer.end("silence", "") for sealer in (one, other)]
    assert len({len(end) for end in told}) == 1
    assert whole[:4] == holed[:4]


# -- in an utterance ---------------------------------------------------------------------------------


def jumps_within_bounds() -> st.SearchStrategy[list[int]]:
    """What goes missing before each frame: mostly nothing, never too much."""
    some = st.lists(st.integers(0, 500), max_size=MOST_GAPS)
    return st.builds(
        lambda lost, quiet: [jump for each in lost for jump in (each, *[0] * quiet)], some, st.integers(3, 5)
    )


@given(jumps_within_bounds(), st.integers(0, 700), st.sampled_from([1_280, 2_560, 6_400]), st.integers(1, 9))
@settings(deadline=None, max_examples=150)
def test_every_kept_sample_is_where_the_header_says_and_every_other_is_marked(
    jumps: list[int], first: int, segment_samples: int, multiple: int
) -> None:
    taken = utterance(first, segment_samples, multiple)
    try:
        sealed, gaps = after(taken, jumps)
    except ValueError:
        assert taken.missing + 500 > MOST_MISSING or segment_samples == 6_400
        return
    whole = opened(taken, [], sealed=sealed)
    heard = bytearray(ROOM[2 * first : 2 * taken.next_sample])
    for gap in gaps:
        heard[2 * gap.first : 2 * gap.end] = bytes(2 * gap.samples)
    assert whole.pcm == heard
    assert list(whole.gaps) == gaps
    assert sum(gap.samples for gap in whole.gaps) == taken.missing
    assert taken.samples == len(whole.pcm) // 2


def test_a_gap_that_goes_on_in_the_next_segments_is_one() -> None:
    taken = utterance()
    sealed, gaps = after(taken, [0, 5_000, 0])
    whole = opened(taken, [], sealed=sealed)
    assert list(whole.gaps) == gaps == [Gap(320, 5_000)]
    assert whole.pcm == ROOM[:640] + bytes(10_000) + ROOM[2 * 5_320 : 2 * 5_960]


def test_a_first_frame_that_comes_late_leaves_a_gap_in_front() -> None:
    taken = utterance(100)
    sealed, _ = after(taken, [400])
    whole = opened(taken, [], sealed=sealed)
    assert (whole.gaps, taken.samples) == ((Gap(0, 300),), 620)


def test_what_is_filled_up_has_no_gap() -> None:
    taken = utterance(multiple=25)
    sealed, _ = after(taken, [0, 20])
    whole = opened(taken, [], sealed=sealed)
    assert whole.end.segments == 25
    assert whole.gaps == (Gap(320, 20),)


@pytest.mark.parametrize(
    ("before", "lost"),
    [([0, MOST_MISSING], 1), ([0], MOST_MISSING + 1), ([1, 0, 0, 0, 0] * MOST_GAPS, 1), ([0], 40_000)],
)
def test_too_much_is_not_skipped_and_leaves_what_there_is(before: list[int], lost: int) -> None:
    taken = utterance()
    sealed, gaps = after(taken, before)
    kept = taken.samples
    with pytest.raises(ValueError, match=TOO_MUCH):
        taken.skip(lost)
    whole = opened(taken, [], "mic_lost", sealed=sealed)
    assert (list(whole.gaps), len(whole.pcm) // 2) == (gaps, kept)


def test_a_segment_that_is_more_holes_than_it_can_mark_is_too_much() -> None:
    taken = utterance(segment_samples=6_400)
    after(taken, [1] * MOST)
    with pytest.raises(ValueError, match=TOO_MUCH):
        taken.skip(1)


def test_a_frame_after_what_is_missing_is_not_taken_as_if_it_followed() -> None:
    """So no caller can hide a gap by not marking it."""
    taken = utterance()
    taken.hear(frame(0))
    with pytest.raises(ValueError, match="does not follow"):
        taken.hear(frame(400))


def test_what_is_wiped_marks_nothing_in_what_comes_next() -> None:
    taken = utterance()
    after(taken, [0, 20])
    taken.wipe()
    assert open_utterance(taken.begin(), taken.close(), taken.end("silence", ""), READER).gaps == ()
