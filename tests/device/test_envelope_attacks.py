"""Whoever holds the wire, the broker or a stolen device cannot cut, move, repeat or redirect an utterance.

The victim is the vector several-segments (four segments, plain X25519); x25519 is another of the same device.
"""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.envelope import (  # fmt: skip
    Begin,
    EnvelopeError,
    Opener,
    ReaderKey,
    Sealer,
    open_once,
    open_utterance,
    seal_once,
    wrap,
)
from device.envelope.layout import BEGIN_DOMAIN, WRAP_DOMAIN, SegmentKeys, header_hash

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


class Sealed:
    """The messages of one vector, and the keys of everybody in it."""

    def __init__(self, name: str) -> None:
        vector = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
        self.keys = [ReaderKey.from_bytes(text.encode()) for text in vector["reader_private_keys"]]
        self.header = vector["header"].encode()
        self.begin, self.end = bytes.fromhex(vector["begin"]), bytes.fromhex(vector["end"])
        self.segments = [bytes.fromhex(each) for each in vector["segments"]]
        self.data_key, self.pcm = bytes.fromhex(vector["data_key"]), bytes.fromhex(vector["pcm"])
        self.parsed = Begin.parse(self.begin)
        self.opener = Opener(self.parsed, self.data_key)


VICTIM, OTHER, HYBRID = Sealed("several-segments"), Sealed("x25519"), Sealed("hybrid-two-readers")
READER = VICTIM.keys[0]
VICTIM_CHECKPOINT = json.loads(VICTIM.end[4:-64])["checkpoint"]
DEVICES = json.loads((VECTORS / "keys.json").read_text(encoding="utf-8"))["devices"]
KITCHEN, ATTIC = (Ed25519PrivateKey.from_private_bytes(bytes.fromhex(each["sign_seed"])) for each in DEVICES)


def refuses_whole(begin: bytes, segments: list[bytes], end: bytes) -> None:
    assert open_utterance(VICTIM.begin, VICTIM.segments, VICTIM.end, READER).pcm == VICTIM.pcm
    with pytest.raises(EnvelopeError):
        open_utterance(begin, segments, end, READER)


def flip(message: bytes, place: int, mask: int) -> bytes:
    return message[:place] + bytes([message[place] ^ mask]) + message[place + 1 :]


def test_a_segment_opens_only_under_its_own_index() -> None:
    for counter in [0, 2, 4, 6, 8, 2**32 - 2]:
        if counter != 2:
            with pytest.raises(EnvelopeError):
                VICTIM.opener.segment(counter.to_bytes(4, "big") + VICTIM.segments[1][4:])
    assert VICTIM.opener.segment(VICTIM.segments[1]).index == 1


def test_the_last_flag_can_be_neither_set_nor_cleared() -> None:
    for message in VICTIM.segments:
        with pytest.raises(EnvelopeError):
            VICTIM.opener.segment(flip(message, 3, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"review":false', b'"review":true'),
        (b'"save":true', b'"save":false'),
        (b'"word":"okay nabu"', b'"word":"okay nobu"'),
        (b'"first_sample":', b'"first_sample":1'),
        (b'"name":"plain"', b'"name":"cloud"'),
    ],
)
def test_an_edited_header_is_refused_and_even_its_own_device_cannot_edit_it_later(
    old: bytes, new: bytes
) -> None:
    edited = VICTIM.header.replace(old, new)
    assert edited != VICTIM.header
    with pytest.raises(EnvelopeError, match="signature"):
        Begin.parse(rebuilt(edited, list(VICTIM.parsed.wraps))[:-96] + VICTIM.begin[-96:])
    resigned = Begin.parse(rebuilt(edited, list(VICTIM.parsed.wraps)))
    with pytest.raises(EnvelopeError):
        resigned.data_key(READER)
    with pytest.raises(EnvelopeError):
        Opener(resigned, bytes(32))
    stolen = Opener(resigned, VICTIM.data_key)  # the data key itself was stolen: the sound still stays sealed
    with pytest.raises(EnvelopeError):
        stolen.segment(VICTIM.segments[0])


def rebuilt(header: bytes, wraps: list[bytes], signing: Ed25519PrivateKey = KITCHEN) -> bytes:
    """A begin message around any header, signed, and committed to the victim's data key."""
    front = b"OVH1" + len(header).to_bytes(4, "big") + header + len(wraps).to_bytes(2, "big")
    front += b"".join(len(each).to_bytes(2, "big") + each for each in wraps)
    commitment = SegmentKeys.derive(VICTIM.data_key, header_hash(front)).commitment
    return front + commitment + signing.sign(BEGIN_DOMAIN + header_hash(front) + commitment)


@pytest.mark.parametrize("suite", ["mlkem768-x25519", "x25519"])
def test_a_key_that_is_not_named_opens_nothing(suite: str) -> None:
    with pytest.raises(EnvelopeError, match="not sealed for reader"):
        VICTIM.parsed.data_key(ReaderKey(suite, b"w" * 32))


def test_a_wrong_key_behind_the_right_name_opens_nothing() -> None:
    context = WRAP_DOMAIN + hashlib.sha256(VICTIM.header).digest()
    for suite in ("mlkem768-x25519", "x25519"):
        with pytest.raises(EnvelopeError):
            open_once(VICTIM.parsed.wraps[0], ReaderKey(suite, b"w" * 32), context)
    with pytest.raises(EnvelopeError):
        HYBRID.parsed.data_key(READER)


def test_a_wrong_data_key_never_becomes_an_opener() -> None:
    for data_key in (OTHER.data_key, bytes(32), b"", VICTIM.data_key + b"\0"):
        with pytest.raises(EnvelopeError):
            Opener(VICTIM.parsed, data_key)


@pytest.mark.parametrize("missing", range(4))
def test_an_utterance_with_any_segment_missing_is_refused(missing: int) -> None:
    refuses_whole(VICTIM.begin, VICTIM.segments[:missing] + VICTIM.segments[missing + 1 :], VICTIM.end)


@pytest.mark.parametrize("kept", range(4))
def test_an_utterance_cut_anywhere_is_refused_even_with_an_end_that_its_device_signed(kept: int) -> None:
    segments = VICTIM.segments[:kept]
    record = json.loads(VICTIM.end[4:-64])
    record |= {"segments": kept, "sha256": hashlib.sha256(b"".join(segments)).hexdigest()}
    octets = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    end = len(octets).to_bytes(4, "big") + octets + KITCHEN.sign(b"overheard/v1/end\0" + octets)
    refuses_whole(VICTIM.begin, segments, end)


def test_a_segment_of_one_utterance_is_nothing_in_another() -> None:
    for segment in OTHER.segments:
        with pytest.raises(EnvelopeError):
            VICTIM.opener.segment(segment)
    refuses_whole(VICTIM.begin, [OTHER.segments[0], *VICTIM.segments[1:]], VICTIM.end)


def test_a_whole_utterance_cannot_be_repeated_under_another_id() -> None:
    renamed = VICTIM.header.replace(
        VICTIM.parsed.header.utterance.encode(), OTHER.parsed.header.utterance.encode()
    )
    begin = rebuilt(renamed, list(VICTIM.parsed.wraps))[:-96] + VICTIM.begin[-96:]
    refuses_whole(begin, VICTIM.segments, VICTIM.end)
    refuses_whole(rebuilt(renamed, list(VICTIM.parsed.wraps)), VICTIM.segments, VICTIM.end)


def test_two_utterances_cannot_be_spliced() -> None:
    tail = OTHER.segments[-1]
    refuses_whole(VICTIM.begin, [*VICTIM.segments[:1], tail], VICTIM.end)
    refuses_whole(VICTIM.begin, [*VICTIM.segments[:1], tail], OTHER.end)
    refuses_whole(OTHER.begin, VICTIM.segments, VICTIM.end)
    refuses_whole(VICTIM.begin, VICTIM.segments + OTHER.segments, VICTIM.end)


def test_two_different_segments_with_one_index_are_refused() -> None:
    refuses_whole(VICTIM.begin, [*VICTIM.segments, flip(VICTIM.segments[2], 90, 1)], VICTIM.end)


def test_the_end_of_another_utterance_is_refused() -> None:
    refuses_whole(VICTIM.begin, VICTIM.segments, OTHER.end)
    with pytest.raises(EnvelopeError, match="another utterance"):
        VICTIM.opener.end(OTHER.end, OTHER.segments)


def test_the_end_counts_every_byte_of_every_segment() -> None:
    """`end` needs no key: an auditor who cannot listen still sees that the sound is the one that was sent."""
    changed = [VICTIM.segments[0], flip(VICTIM.segments[1], 1000, 1), *VICTIM.segments[2:]]
    assert VICTIM.parsed.end(VICTIM.end, VICTIM.segments) == ("max_duration", 4, VICTIM_CHECKPOINT)
    with pytest.raises(EnvelopeError, match="not these segments"):
        VICTIM.parsed.end(VICTIM.end, changed)


def test_segments_out_of_order_do_not_verify() -> None:
    swapped = [VICTIM.segments[1], VICTIM.segments[0], *VICTIM.segments[2:]]
    with pytest.raises(EnvelopeError):
        VICTIM.opener.end(VICTIM.end, swapped)


def test_a_sender_cannot_say_one_thing_to_one_reader_and_another_to_the_next() -> None:
    """The key-commitment attack: the second reader's wrap holds a second data key."""
    second = bytes.fromhex("5e" * 32)
    readers = [key.public for key in HYBRID.keys]
    wraps = [
        wrap(each, readers, HYBRID.header)[place] for place, each in enumerate([HYBRID.data_key, second])
    ]
    begin = Begin.parse(Sealer(HYBRID.header, HYBRID.data_key, wraps, ATTIC).begin())
    Opener(begin, begin.data_key(HYBRID.keys[0]))
    assert begin.data_key(HYBRID.keys[1]) == second
    with pytest.raises(EnvelopeError, match="committed"):
        Opener(begin, second)


def test_a_reader_cannot_be_added() -> None:
    """A spy with the data key's wrap of his own, behind the signature of the true begin message."""
    spy = ReaderKey("x25519", b"y" * 32)
    header = json.loads(VICTIM.header)
    header["readers"].append({"id": spy.public.id, "suite": spy.suite, "name": "nobody"})
    added = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    context = WRAP_DOMAIN + hashlib.sha256(added).digest()
    wraps = [*VICTIM.parsed.wraps, seal_once(VICTIM.data_key, spy.public, context)]
    for changed in (added, VICTIM.header):
        with pytest.raises(EnvelopeError):
            Begin.parse(rebuilt(changed, wraps)[:-96] + VICTIM.begin[-96:])


def test_no_wrap_goes_beyond_the_readers_that_the_header_names() -> None:
    wraps = list(VICTIM.parsed.wraps)
    for bad in (wraps * 2, [], [wraps[0] + b"\0"], [wraps[0][:-1]]):
        with pytest.raises(EnvelopeError, match="wraps do not fit"):
            Begin.parse(rebuilt(VICTIM.header, bad))


def test_another_device_cannot_take_an_utterance_for_its_own() -> None:
    kitchen, attic = DEVICES
    wraps = list(VICTIM.parsed.wraps)
    signer = VICTIM.header.replace(kitchen["signer"].encode(), attic["signer"].encode())
    reply = VICTIM.header.replace(kitchen["reply"].encode(), attic["reply"].encode())
    for header in (signer, reply):  # the device id certifies both keys
        with pytest.raises(EnvelopeError, match="not this device's"):
            Begin.parse(rebuilt(header, wraps, ATTIC))
    with pytest.raises(EnvelopeError, match="signature"):
        Begin.parse(rebuilt(VICTIM.header, wraps, ATTIC))
    all_three = signer.replace(kitchen["reply"].encode(), attic["reply"].encode())
    claimed = Begin.parse(
        rebuilt(all_three.replace(kitchen["id"].encode(), attic["id"].encode()), wraps, ATTIC)
    )
    with pytest.raises(EnvelopeError):  # a begin of its own is its right, but the wrap does not open in it
        claimed.data_key(READER)
