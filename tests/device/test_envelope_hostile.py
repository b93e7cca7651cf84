"""Whatever the bytes, EnvelopeError and nothing else: no byte may change, no length lie, no JSON trick.

The victim is the vector several-segments (four segments, plain X25519).
"""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device.envelope import (
    Begin,
    EnvelopeError,
    Header,
    Opener,
    ReaderKey,
    ReaderPublic,
    open_once,
    seal_once,
)
from device.envelope.layout import BEGIN_DOMAIN, SegmentKeys, header_hash

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


class Sealed:
    """The messages of one vector, and the keys that open it."""

    def __init__(self, name: str) -> None:
        vector = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
        self.keys = [ReaderKey.from_bytes(text.encode()) for text in vector["reader_private_keys"]]
        self.header = vector["header"].encode()
        self.begin, self.end = bytes.fromhex(vector["begin"]), bytes.fromhex(vector["end"])
        self.segments = [bytes.fromhex(each) for each in vector["segments"]]
        self.data_key = bytes.fromhex(vector["data_key"])
        self.parsed = Begin.parse(self.begin)
        self.opener = Opener(self.parsed, self.data_key)


VICTIM, HYBRID = Sealed("several-segments"), Sealed("hybrid-two-readers")
READER = VICTIM.keys[0]
DEVICES = json.loads((VECTORS / "keys.json").read_text(encoding="utf-8"))["devices"]
KITCHEN = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(DEVICES[0]["sign_seed"]))


def signed_begin(header: bytes) -> bytes:
    """The victim's begin message around any other header, signed by its own device."""
    front = b"OVH1" + len(header).to_bytes(4, "big") + header + VICTIM.begin[8 + len(VICTIM.header) : -96]
    commitment = SegmentKeys.derive(VICTIM.data_key, header_hash(front)).commitment
    return front + commitment + KITCHEN.sign(BEGIN_DOMAIN + header_hash(front) + commitment)


def test_the_victim_itself_opens() -> None:
    assert signed_begin(VICTIM.header) == VICTIM.begin
    assert VICTIM.opener.end(VICTIM.end, VICTIM.segments).segments == 4


def flips(message: bytes) -> Any:
    return st.tuples(st.integers(0, len(message) - 1), st.integers(1, 255))


def flip(message: bytes, place: int, mask: int) -> bytes:
    return message[:place] + bytes([message[place] ^ mask]) + message[place + 1 :]


def test_no_byte_of_a_begin_message_can_be_changed() -> None:
    for sealed in (VICTIM, HYBRID):
        for place in range(len(sealed.begin)):
            with pytest.raises(EnvelopeError):
                Begin.parse(flip(sealed.begin, place, 1))


def test_no_byte_of_a_segment_can_be_changed() -> None:
    for message in (VICTIM.segments[0], VICTIM.segments[-1]):
        for place in range(len(message)):
            with pytest.raises(EnvelopeError):
                VICTIM.opener.segment(flip(message, place, 1))


def test_no_byte_of_an_end_message_can_be_changed() -> None:
    for place in range(len(VICTIM.end)):
        with pytest.raises(EnvelopeError):
            VICTIM.opener.end(flip(VICTIM.end, place, 1), VICTIM.segments)


@given(begin=flips(VICTIM.begin), segment=flips(VICTIM.segments[0]), end=flips(VICTIM.end))
@settings(deadline=None)
def test_no_change_of_any_byte_passes(
    begin: tuple[int, int], segment: tuple[int, int], end: tuple[int, int]
) -> None:
    with pytest.raises(EnvelopeError):
        Begin.parse(flip(VICTIM.begin, *begin))
    with pytest.raises(EnvelopeError):
        VICTIM.opener.segment(flip(VICTIM.segments[0], *segment))
    with pytest.raises(EnvelopeError):
        VICTIM.opener.end(flip(VICTIM.end, *end), VICTIM.segments)


HOSTILE_JSON = [
    b"",
    b"[]",
    b'{"v":1}',
    b"NaN",
    b'{"v":NaN}',
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"trigger":' + b"[" * 60_000,
    b'"\xff\xfe"',
    b'{"v":1,"v":1}',
    b'{"v":' + b"9" * 5_000 + b"}",
    b'{"v":1e99999}',
    b'{"\\ud800":1}',
    b"\xef\xbb\xbf{}",
]


@pytest.mark.parametrize("octets", HOSTILE_JSON, ids=lambda octets: octets[:12])
def test_hostile_json_is_refused_in_a_header_and_in_an_end_even_when_signed(octets: bytes) -> None:
    with pytest.raises(EnvelopeError):
        Header.from_bytes(octets)
    with pytest.raises(EnvelopeError):
        Begin.parse(signed_begin(octets))
    signature = KITCHEN.sign(b"overheard/v1/end\0" + octets)
    with pytest.raises(EnvelopeError):
        VICTIM.opener.end(len(octets).to_bytes(4, "big") + octets + signature, VICTIM.segments)


def header_edits() -> st.SearchStrategy[bytes]:
    """The true header with any one of its fields replaced by any JSON at all."""
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )
    fields = st.sampled_from([*sorted(json.loads(VICTIM.header)), "extra"])
    return st.builds(
        lambda field, value: json.dumps(
            json.loads(VICTIM.header) | {field: value}, sort_keys=True, separators=(",", ":")
        ).encode(),
        fields,
        anything,
    )


@given(header_edits())
@settings(deadline=None)
def test_a_header_with_any_other_value_is_read_strictly_or_refused(octets: bytes) -> None:
    try:
        header = Header.from_bytes(octets)
    except EnvelopeError:
        return
    assert header.to_bytes() == octets


def test_nothing_is_sealed_to_a_point_that_everybody_can_compute() -> None:
    mlkem_half = HYBRID.keys[0].public.raw[:1184]
    for public in (
        ReaderPublic("x25519", bytes(32)),
        ReaderPublic("mlkem768-x25519", mlkem_half + bytes(32)),
    ):
        with pytest.raises(EnvelopeError, match="cannot be sealed to"):
            seal_once(b"secret", public, b"")


@given(st.binary(max_size=2000))
@example(b"OVH1" + b"\xff" * 8)
@example(b"OVH1" + bytes(200))
@example(VICTIM.begin[:-96] + b"\xff" * 96)
@settings(deadline=None)
def test_no_bytes_at_all_pass_for_a_message(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        Begin.parse(data)
    with pytest.raises(EnvelopeError):
        VICTIM.opener.segment(data)
    with pytest.raises(EnvelopeError):
        VICTIM.opener.end(data, VICTIM.segments)
    with pytest.raises(EnvelopeError):
        open_once(data, READER, b"")
    with pytest.raises(EnvelopeError):
        open_once(data, HYBRID.keys[0], b"")


def test_a_length_is_believed_only_within_the_message_and_within_64_kib() -> None:
    for message in (b"", b"OVH", b"OVH1\0\0", b"OVH1\0\0\0\1", b"OVH1\0\1\0\0"):
        with pytest.raises(EnvelopeError, match="cut short"):
            Begin.parse(message)
    with pytest.raises(EnvelopeError, match="JSON too long"):
        Begin.parse(b"OVH1\0\1\0\1" + bytes(70_000))


def test_no_message_can_be_cut_or_extended() -> None:
    for length in range(len(VICTIM.begin)):
        with pytest.raises(EnvelopeError):
            Begin.parse(VICTIM.begin[:length])
    for length in range(len(VICTIM.end)):
        with pytest.raises(EnvelopeError):
            VICTIM.opener.end(VICTIM.end[:length], VICTIM.segments)
    for length in range(len(VICTIM.segments[0])):
        with pytest.raises(EnvelopeError):
            VICTIM.opener.segment(VICTIM.segments[0][:length])
    for more in (b"\0", VICTIM.begin[-64:], VICTIM.begin):
        with pytest.raises(EnvelopeError):
            Begin.parse(VICTIM.begin + more)
        with pytest.raises(EnvelopeError):
            VICTIM.opener.segment(VICTIM.segments[0] + more)
        with pytest.raises(EnvelopeError):
            VICTIM.opener.end(VICTIM.end + more, VICTIM.segments)


@given(st.integers(0, 2**32 - 1), st.sampled_from([4, len(VICTIM.header) + 8, len(VICTIM.header) + 10]))
@settings(deadline=None)
def test_no_length_field_can_lie(length: int, place: int) -> None:
    width = 4 if place == 4 else 2
    lied = (length % 256**width).to_bytes(width, "big")
    changed = VICTIM.begin[:place] + lied + VICTIM.begin[place + width :]
    if changed != VICTIM.begin:
        with pytest.raises(EnvelopeError):
            Begin.parse(changed)
    end = length.to_bytes(4, "big") + VICTIM.end[4:]
    if end != VICTIM.end:
        with pytest.raises(EnvelopeError):
            VICTIM.opener.end(end, VICTIM.segments)
