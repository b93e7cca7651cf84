"""What a device seals, its named readers open: whole, in any order; and no device can seal nonsense."""

import struct
from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device.envelope import (
    REASONS,
    SUITES,
    Begin,
    Consent,
    EnvelopeError,
    Header,
    NamedReader,
    Opener,
    ReaderKey,
    Sealer,
    SealOrderError,
    Trigger,
    device_id,
    open_utterance,
    wrap,
)
from device.envelope.layout import to_base64

DATA_KEY = bytes(range(32))
SIGNING = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
SIGNER = SIGNING.public_key().public_bytes_raw()
REPLY = ReaderKey("x25519", b"r" * 32)
CLOUD = ReaderKey("mlkem768-x25519", b"c" * 32)
AUDITOR = ReaderKey("x25519", b"a" * 32)


def header_for(readers: Iterable[ReaderKey], segment_samples: int = 1280) -> Header:
    return Header(
        device=device_id(SIGNER, REPLY.public),
        boot="boot-1",
        utterance="00112233445566778899aabbccddeeff",
        trigger=Trigger("wake_word", "okay nabu", 0.97, "ab" * 32),
        first_sample=4_800,
        utc="2026-01-31T12:00:00Z",
        segment_samples=segment_samples,
        consent=Consent(save=True, review=False),
        ledger_index=17,
        readers=tuple(NamedReader(key.public.id, key.suite, "reader") for key in readers),
        signer=to_base64(SIGNER),
        reply=REPLY.public.encode(),
    )


HEADER = header_for([AUDITOR])


def sealer_for(readers: list[ReaderKey], segment_samples: int = 1280) -> Sealer:
    header = header_for(readers, segment_samples).to_bytes()
    return Sealer(header, DATA_KEY, wrap(DATA_KEY, [key.public for key in readers], header), SIGNING)


def seal(pcm: bytes, readers: list[ReaderKey], samples: int = 1280) -> tuple[bytes, list[bytes], bytes]:
    sealer = sealer_for(readers, samples)
    parts = [pcm[at : at + 2 * samples] for at in range(0, len(pcm), 2 * samples)] or [b""]
    begin = sealer.begin()
    segments = [sealer.segment(part) for part in parts[:-1]] + [sealer.last(parts[-1])]
    return begin, segments, sealer.end("silence", "checkpoint\n")


def tone(samples: int) -> bytes:
    return b"".join(struct.pack("<h", 31 * n % 20_000 - 10_000) for n in range(samples))


@pytest.mark.parametrize("samples", [0, 1, 1279, 1280, 1281, 2560, 4000])
@pytest.mark.parametrize("key", [CLOUD, AUDITOR], ids=SUITES)
def test_every_named_reader_gets_back_exactly_what_was_said(samples: int, key: ReaderKey) -> None:
    begin, segments, end = seal(tone(samples), [CLOUD, AUDITOR])
    opened = open_utterance(begin, segments, end, key)
    assert opened.pcm == tone(samples)
    assert opened.header == header_for([CLOUD, AUDITOR])
    assert opened.end == ("silence", max(1, -(-samples // 1280)), "checkpoint\n")


@given(order=st.permutations(range(5)), again=st.lists(st.integers(0, 4), max_size=5))
@settings(deadline=None)
def test_segments_open_in_any_order_and_as_often_as_they_arrive(order: list[int], again: list[int]) -> None:
    begin, segments, end = FIVE
    arrived = [segments[place] for place in order + again]
    assert open_utterance(begin, arrived, end, AUDITOR).pcm == tone(6000)
    opener = Opener(Begin.parse(begin), DATA_KEY)
    for place in order + again:
        opened = opener.segment(segments[place])
        assert (opened.index, opened.last) == (place, place == 4)
        assert opened.pcm == tone(6000)[2560 * place :][:2560]


FIVE = seal(tone(6000), [AUDITOR])


@pytest.mark.parametrize("samples", [1280, 1600, 6400])
def test_every_segment_of_an_utterance_has_the_same_length_on_the_wire(samples: int) -> None:
    _, segments, _ = seal(tone(samples * 2 + 7), [AUDITOR], samples)
    assert [len(each) for each in segments] == [4 + 2 + 16 + 2 * samples + 16] * 3


def test_a_short_segment_may_come_before_the_last() -> None:
    sealer = sealer_for([AUDITOR])
    segments = [sealer.segment(tone(10)), sealer.segment(b""), sealer.last(tone(3))]
    end = sealer.end("mic_lost", "")
    assert open_utterance(sealer.begin(), segments, end, AUDITOR).pcm == tone(10) + tone(3)


def test_the_plaintext_may_be_any_bytes_and_its_owner_can_wipe_it_at_once() -> None:
    buffer = bytearray(tone(1280))
    sealer = sealer_for([AUDITOR])
    segments = [sealer.segment(buffer), sealer.segment(memoryview(buffer)[:20])]
    buffer.clear()  # BufferError if a view of it were still held
    segments.append(sealer.last(b""))
    end = sealer.end("silence", "")
    assert open_utterance(sealer.begin(), segments, end, AUDITOR).pcm == tone(1280) + tone(10)


def test_nothing_of_one_segment_is_left_in_the_padding_of_the_next() -> None:
    sealer = sealer_for([AUDITOR])
    opener = Opener(Begin.parse(sealer.begin()), DATA_KEY)
    sealer.segment(b"\xff" * 2560)
    assert opener.segment(sealer.last(b"\1\0")).pcm == b"\1\0"  # the opener refuses padding that is not zero


def test_begin_says_the_same_thing_every_time() -> None:
    sealer = sealer_for([AUDITOR])
    first = sealer.begin()
    sealer.last(b"")
    assert sealer.begin() == first


def test_nothing_is_sealed_after_the_last_segment() -> None:
    sealer = sealer_for([AUDITOR])
    sealer.last(tone(5))
    with pytest.raises(SealOrderError):
        sealer.segment(tone(5))
    with pytest.raises(SealOrderError):
        sealer.last(tone(5))


def test_an_utterance_cannot_end_before_its_last_segment_nor_twice() -> None:
    sealer = sealer_for([AUDITOR])
    with pytest.raises(SealOrderError):
        sealer.end("silence", "")
    sealer.segment(tone(5))
    with pytest.raises(SealOrderError):
        sealer.end("silence", "")
    sealer.last(b"")
    sealer.end("silence", "")
    with pytest.raises(SealOrderError):
        sealer.end("cancelled", "")


@pytest.mark.parametrize("pcm", [b"\0", tone(1281), tone(4000)], ids=["odd", "one too many", "far too long"])
def test_a_segment_takes_whole_samples_and_no_more_than_fit(pcm: bytes) -> None:
    sealer = sealer_for([AUDITOR])
    with pytest.raises(EnvelopeError, match="whole samples"):
        sealer.segment(pcm)
    assert sealer.last(tone(1280))[:4] == b"\0\0\0\1"  # the refused one took no index


@pytest.mark.parametrize("reason", REASONS)
def test_every_end_reason_reaches_the_reader(reason: str) -> None:
    sealer = sealer_for([AUDITOR])
    segments = [sealer.last(b"")]
    assert open_utterance(sealer.begin(), segments, sealer.end(reason, ""), AUDITOR).end.reason == reason


@pytest.mark.parametrize(
    ("reason", "checkpoint"), [("bored", ""), ("silence", "x" * 70_000), ("silence", "\ud800")]
)
def test_an_end_that_no_reader_would_accept_is_never_signed(reason: str, checkpoint: str) -> None:
    sealer = sealer_for([AUDITOR])
    sealer.last(b"")
    with pytest.raises(EnvelopeError):
        sealer.end(reason, checkpoint)


def test_a_sealer_refuses_another_devices_key() -> None:
    header = HEADER.to_bytes()
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    with pytest.raises(EnvelopeError, match="signing key"):
        Sealer(header, DATA_KEY, wrap(DATA_KEY, [AUDITOR.public], header), other)


def test_a_sealer_refuses_wraps_and_data_keys_that_do_not_fit() -> None:
    header = HEADER.to_bytes()
    wraps = wrap(DATA_KEY, [AUDITOR.public], header)
    for bad in ([], wraps * 2, [wraps[0][:-1]]):
        with pytest.raises(EnvelopeError, match="wraps"):
            Sealer(header, DATA_KEY, bad, SIGNING)
    with pytest.raises(EnvelopeError, match="data key"):
        Sealer(header, DATA_KEY[:-1], wraps, SIGNING)


def test_a_data_key_is_wrapped_only_for_the_readers_that_the_header_names() -> None:
    header = header_for([CLOUD, AUDITOR]).to_bytes()
    for readers in ([CLOUD], [AUDITOR, CLOUD], [CLOUD, AUDITOR, REPLY]):
        with pytest.raises(EnvelopeError, match="readers"):
            wrap(DATA_KEY, [key.public for key in readers], header)
