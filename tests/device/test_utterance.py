"""An utterance keeps what came after its first sample, one segment of it at a time."""

import base64
import gc
from collections.abc import Iterable

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device.envelope import (
    REASONS,
    Consent,
    EnvelopeError,
    Header,
    NamedReader,
    ReaderKey,
    Sealer,
    SealOrderError,
    Trigger,
    device_id,
    open_utterance,
    wrap,
)
from device.envelope import Utterance as Opened
from device.utterance import Utterance
from hardware.board import FRAME_SAMPLES, Frame

SIGNING = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
READER = ReaderKey("x25519", b"r" * 32)
ROOM = np.random.default_rng(5).integers(-32_768, 32_767, 40_000).astype("<i2").tobytes()
SEGMENT = 1_280


def utterance(first_sample: int = 0, segment_samples: int = SEGMENT, multiple: int = 1) -> Utterance:
    signer = SIGNING.public_key().public_bytes_raw()
    header = Header(
        device=device_id(signer, READER.public),
        boot="boot",
        utterance="ab" * 16,
        trigger=Trigger("button_tap"),
        first_sample=first_sample,
        utc="2026-01-31T12:00:00Z",
        segment_samples=segment_samples,
        consent=Consent(save=False, review=False),
        ledger_index=0,
        readers=(NamedReader(READER.public.id, "x25519", "cloud"),),
        signer=base64.b64encode(signer).decode(),
        reply=READER.public.encode(),
    ).to_bytes()
    key = bytes(range(32))
    sealer = Sealer(header, key, wrap(key, [READER.public], header), SIGNING)
    return Utterance(sealer, first_sample, segment_samples, multiple)


def frame(index: int, samples: int = FRAME_SAMPLES) -> Frame:
    """What the room sounded like from `index` on."""
    return Frame(index, ROOM[2 * index : 2 * (index + samples)])


def frames(first: int, count: int) -> list[Frame]:
    return [frame(first + n * FRAME_SAMPLES) for n in range(count)]


def opened(
    taken: Utterance,
    heard: Iterable[Frame],
    reason: str = "silence",
    least: int = 1,
    sealed: Iterable[bytes] = (),
) -> Opened:
    """Have more heard, and open it; `sealed` is what came out before."""
    segments = [*sealed, *(message for each in heard for message in taken.hear(each))]
    segments += taken.close(least)
    assert taken.segments == len(segments)
    return open_utterance(taken.begin(), segments, taken.end(reason, ""), READER)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 63])
def test_what_comes_out_is_what_was_heard_bit_for_bit(count: int) -> None:
    heard = opened(utterance(), frames(0, count))
    assert heard.pcm == ROOM[: 2 * FRAME_SAMPLES * count]
    assert heard.end.segments == FRAME_SAMPLES * count // SEGMENT + 1


@pytest.mark.parametrize("segment_samples", [1_280, 2_560, 6_400])
def test_a_segment_is_sealed_with_the_frame_that_completes_it(segment_samples: int) -> None:
    taken = utterance(segment_samples=segment_samples)
    made = [len(taken.hear(each)) for each in frames(0, 40)]
    every = segment_samples // FRAME_SAMPLES
    assert made == [int((n + 1) % every == 0) for n in range(40)]


@pytest.mark.parametrize("first_sample", [320, 321, 500, 639, 640])
def test_the_first_sample_is_the_first_that_is_kept_even_inside_a_frame(first_sample: int) -> None:
    taken = utterance(first_sample)
    heard = opened(taken, frames(0, 12))
    assert heard.pcm == ROOM[2 * first_sample : 2 * 12 * FRAME_SAMPLES]
    assert heard.header.first_sample == first_sample
    assert taken.samples == 12 * FRAME_SAMPLES - first_sample


def test_frames_from_before_the_first_sample_are_not_kept() -> None:
    taken = utterance(first_sample=960)
    assert [taken.hear(each) for each in frames(0, 3)] == [[], [], []]
    assert (taken.samples, taken.next_sample) == (0, 960)
    assert held_of(taken) == b""


@pytest.mark.parametrize("index", [0, 320, 641, 960])
def test_a_gap_a_repetition_or_an_overlap_ends_it(index: int) -> None:
    taken = utterance()
    for each in frames(0, 2):
        taken.hear(each)
    with pytest.raises(ValueError, match=f"frame {index} does not follow sample 640"):
        taken.hear(frame(index))
    taken.hear(frame(640))


def test_a_first_frame_that_comes_too_late_is_a_gap() -> None:
    with pytest.raises(ValueError, match="frame 640 does not follow sample 320"):
        utterance(first_sample=320).hear(frame(640))


def test_what_was_heard_before_a_gap_can_still_be_ended() -> None:
    taken = utterance()
    taken.hear(frame(0))
    with pytest.raises(ValueError, match="does not follow"):
        taken.hear(frame(640))
    assert opened(taken, [], "mic_lost").pcm == ROOM[:640]


def held_of(taken: Utterance) -> bytes:
    """All bytes of the room that the utterance can still reach, in one piece."""
    seen: set[int] = set()
    todo: list[object] = [taken]
    found = b""
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, type) or callable(item):
            continue
        seen.add(id(item))
        todo += gc.get_referents(item)
        if isinstance(item, bytes | bytearray) and len(item) >= 32 and bytes(item[:32]) in ROOM:
            found += item
    return found


def test_plaintext_is_never_more_than_one_segment() -> None:
    taken = utterance(first_sample=100)
    for each in frames(0, 60):
        taken.hear(each)
        held = held_of(taken)
        assert len(held) == 2 * (taken.samples % SEGMENT)
        assert held == ROOM[2 * (taken.next_sample - taken.samples % SEGMENT) : 2 * taken.next_sample]


@pytest.mark.parametrize("way", ["close", "wipe"])
def test_at_the_end_the_plaintext_is_overwritten_and_gone(way: str) -> None:
    taken = utterance()
    for each in frames(0, 3):
        taken.hear(each)
    (open_part,) = [item for item in vars(taken).values() if isinstance(item, bytearray)]
    assert len(open_part) == 1_920
    taken.close() if way == "close" else taken.wipe()
    assert open_part == b""
    assert held_of(taken) == b""


def test_nothing_is_heard_after_the_end() -> None:
    taken = utterance()
    taken.close()
    with pytest.raises(SealOrderError):
        [taken.hear(each) for each in frames(0, 4)]


@pytest.mark.parametrize("reason", REASONS)
def test_the_end_record_carries_reason_and_checkpoint(reason: str) -> None:
    taken = utterance()
    (last,) = taken.close()
    record = open_utterance(taken.begin(), [last], taken.end(reason, "a head\n"), READER).end
    assert record == (reason, 1, "a head\n")


def test_a_reason_that_nobody_knows_is_refused() -> None:
    taken = utterance()
    taken.close()
    with pytest.raises(EnvelopeError, match="unknown reason"):
        taken.end("bored", "")


def test_there_is_no_end_before_the_last_segment() -> None:
    with pytest.raises(SealOrderError):
        utterance().end("silence", "")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2_000), st.lists(st.integers(1, 700), max_size=30))
def test_however_the_frames_are_cut_the_utterance_is_the_same(first_sample: int, cuts: list[int]) -> None:
    at, cut = 0, []
    for samples in cuts:
        cut.append(frame(at, samples))
        at += samples
    assert opened(utterance(first_sample), cut).pcm == ROOM[2 * first_sample : max(2 * first_sample, 2 * at)]
