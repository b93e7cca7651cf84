"""Ledger rows and heads: one spelling each, and none that says what can not be."""

import base64
import contextlib
import hashlib
import json
from typing import Any

import msgspec
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from device.ledger import (
    EMPTY_ROOT,
    LEFT,
    STAYED,
    Checkpoint,
    LedgerError,
    NoteError,
    Row,
    RowError,
    Signer,
    leaf_hash,
    open_note,
    parse_row,
    row_bytes,
    sign,
)

SHA256 = hashlib.sha256(b"sealed").hexdigest()
SEGMENT = Row(
    index=7, kind="segment", topic="overheard/v1/ovh-a/up/utterance/00ff/segment", bytes=2582, sha256=SHA256,
    utterance="00ff", segment=0, first_sample=32_000, samples=1280, cause="live",
)  # fmt: skip
SEGMENT_BYTES = (
    b'{"bytes":2582,"cause":"live","first_sample":32000,"index":7,"kind":"segment","samples":1280,"segment":0,'
    b'"sha256":"'
    + SHA256.encode()
    + b'","topic":"overheard/v1/ovh-a/up/utterance/00ff/segment","utterance":"00ff"}'
)

# C2SP tlog-checkpoint, the example.
SPEC_CHECKPOINT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

COUNTS = st.integers(0, 2**53 - 1)
WORDS = st.text(st.characters(exclude_categories=["Cs"]))
ABOUT = {
    "utterance": st.none() | WORDS,
    "segment": st.none() | COUNTS,
    "first_sample": st.none() | COUNTS,
    "samples": st.none() | COUNTS,
    "cause": st.none() | WORDS,
}
PUBLISHED = {
    "topic": WORDS,
    "bytes": COUNTS,
    "sha256": st.binary().map(lambda b: hashlib.sha256(b).hexdigest()),
}
ROWS = st.builds(Row, index=COUNTS, kind=st.sampled_from(sorted(STAYED)), **ABOUT) | st.builds(
    Row, index=COUNTS, kind=st.sampled_from(sorted(LEFT)), **ABOUT, **PUBLISHED
)


def test_a_row_is_canonical_json_of_the_fields_it_has() -> None:
    assert row_bytes(SEGMENT) == SEGMENT_BYTES
    assert row_bytes(Row(index=0, kind="boot")) == b'{"index":0,"kind":"boot"}'


@given(ROWS)
def test_a_row_is_what_a_library_for_rfc_8785_makes_of_it(row: Row) -> None:
    assert row_bytes(row) == rfc8785.dumps(msgspec.to_builtins(row))


def test_the_kinds_are_those_that_left_and_those_that_stayed() -> None:
    left = "connect status begin segment end checkpoint request state discovery"
    assert set(LEFT) == set(left.split())
    stayed = "boot trigger rejected_wake refused dropped muted resealed set_aside microphone protections"
    assert set(STAYED) == set(stayed.split())


SCORES = st.floats(0, 1, allow_subnormal=False)


@given(SCORES, SCORES)
def test_a_rejected_wake_says_what_both_ears_gave_it(first: float, second: float) -> None:
    row = Row(index=3, kind="rejected_wake", first_score=first, second_score=second)
    assert parse_row(row_bytes(row)) == row


@pytest.mark.parametrize("kind", sorted((STAYED | LEFT) - {"rejected_wake"}))
def test_no_other_row_has_scores(kind: str) -> None:
    sent = {"topic": "t", "bytes": 1, "sha256": "0" * 64} if kind in LEFT else {}
    with pytest.raises(RowError, match="only a rejected wake has them"):
        Row(index=0, kind=kind, second_score=0.5, **sent)


@given(ROWS)
def test_every_row_reads_back_as_it_was_written(row: Row) -> None:
    written = row_bytes(row)
    assert parse_row(written) == row
    assert json.loads(written) == {name: v for name, v in msgspec.to_builtins(row).items() if v is not None}


@given(ROWS, st.data())
def test_a_single_changed_byte_is_another_leaf(row: Row, data: st.DataObject) -> None:
    changed = bytearray(row_bytes(row))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    assert leaf_hash(bytes(changed)) != leaf_hash(row_bytes(row))
    with contextlib.suppress(RowError):
        assert parse_row(bytes(changed)) != row


@given(st.binary())
def test_hostile_bytes_are_refused_and_nothing_else_happens(junk: bytes) -> None:
    with pytest.raises(RowError):
        parse_row(junk)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"index":0}',
        b'{"kind":"boot"}',
        b'{"index":0,"kind":"boot"}\n',
        b'{"index": 0,"kind":"boot"}',
        b'{"kind":"boot","index":0}',
        b'{"index":0,"index":0,"kind":"boot"}',
        b'{"cause":null,"index":0,"kind":"boot"}',
        b'{"index":0.0,"kind":"boot"}',
        b'{"index":-0,"kind":"boot"}',
        b'{"index":0,"kind":"b\\u006fot"}',
        b'{"index":"0","kind":"boot"}',
        b'{"index":true,"kind":"boot"}',
        b'{"index":-1,"kind":"boot"}',
        b'{"index":9007199254740992,"kind":"boot"}',
        b'{"index":0,"kind":"overheard"}',
        b'{"index":0,"kind":"boot","said":"alexa"}',
        b'{"cause":"\xff","index":0,"kind":"boot"}',
        b'{"cause":"\\ud800","index":0,"kind":"boot"}',
        SEGMENT_BYTES.replace(SHA256.encode(), SHA256.upper().encode()),
        SEGMENT_BYTES.replace(SHA256.encode(), SHA256.encode() + b"\\n"),
        SEGMENT_BYTES.replace(SHA256.encode(), SHA256.encode()[1:]),
    ],
)
def test_bytes_that_no_ledger_would_hold_are_refused(data: bytes) -> None:
    with pytest.raises(RowError, match="treat the ledger as altered"):
        parse_row(data)


@pytest.mark.parametrize("kind", sorted(STAYED))
@pytest.mark.parametrize("field", ["topic", "bytes", "sha256"])
def test_what_stayed_has_nothing_published(kind: Any, field: str) -> None:
    published: dict[str, Any] = {field: {"topic": "t", "bytes": 0, "sha256": SHA256}[field]}
    with pytest.raises(RowError, match="use a kind that left"):
        Row(index=0, kind=kind, **published)


@pytest.mark.parametrize("kind", sorted(LEFT - {"connect"}))
@pytest.mark.parametrize("missing", ["topic", "bytes", "sha256"])
def test_what_left_is_named_measured_and_hashed(kind: Any, missing: str) -> None:
    published: dict[str, Any] = {"topic": "t", "bytes": 0, "sha256": SHA256}
    del published[missing]
    with pytest.raises(RowError, match="give all three"):
        Row(index=0, kind=kind, **published)
    written = json.dumps({"index": 0, "kind": kind, **published}, separators=(",", ":"), sort_keys=True)
    with pytest.raises(RowError):
        parse_row(written.encode())


def test_a_connection_has_no_topic() -> None:
    assert parse_row(row_bytes(Row(index=3, kind="connect", bytes=120))).topic is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"index": -1},
        {"index": True},
        {"index": 2**53},
        {"kind": "overheard"},
        {"cause": "\ud800"},
        {"samples": 1.5},
    ],
)
def test_a_row_that_could_not_be_read_is_not_written(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"index": 0, "kind": "boot"}
    with pytest.raises(RowError, match="do not send what it describes"):
        row_bytes(Row(**(fields | wrong)))


def test_a_row_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        SEGMENT.bytes = 0


def test_a_row_error_is_one_line_that_says_what_to_do_and_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^ledger row: [^;\n]+; [^\n]+[^.\n]$") as caught:
        parse_row(b'{"index":0,"kind":"boot","evil\\u000aline":1}')
    assert isinstance(caught.value, LedgerError)
    assert caught.value.exit_code == 6


def test_the_example_checkpoint_of_the_specification_reads_and_writes() -> None:
    checkpoint = Checkpoint.parse(SPEC_CHECKPOINT)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e")
    assert checkpoint.text() == SPEC_CHECKPOINT


def test_a_checkpoint_travels_in_a_note() -> None:
    checkpoint = Checkpoint("overheard/v1/ovh-a", 0, EMPTY_ROOT)
    device = Signer("ovh-a", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    note = sign(checkpoint.text(), device)
    assert Checkpoint.parse(open_note(note, [device.verifier])) == checkpoint


@given(st.text(), st.integers(-9, 10**19 - 1), st.binary(max_size=40))
def test_whatever_checkpoint_can_be_made_reads_back_the_same(origin: str, size: int, root: bytes) -> None:
    root = root if size % 2 else root.ljust(32, b"\0")
    try:
        checkpoint = Checkpoint(origin, size, root)
    except NoteError:
        assert not origin or min(origin) < " " or max(origin) >= "\ud800" or size < 0 or len(root) != 32
    else:
        assert Checkpoint.parse(checkpoint.text()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        SPEC_CHECKPOINT.removesuffix("\n"),
        f"{SPEC_CHECKPOINT}an extension line\n",
        f"{SPEC_CHECKPOINT}\n",
        f"{SPEC_CHECKPOINT}x",
        f"\n{SPEC_CHECKPOINT}",
        SPEC_CHECKPOINT.replace("example.com/behind-the-sofa", ""),
        SPEC_CHECKPOINT.replace("20852163", "020852163"),
        SPEC_CHECKPOINT.replace("20852163", "-1"),
        SPEC_CHECKPOINT.replace("20852163", "1_000"),
        SPEC_CHECKPOINT.replace("20852163", " 1"),
        SPEC_CHECKPOINT.replace("20852163", "٣"),
        SPEC_CHECKPOINT.replace("20852163", ""),
        SPEC_CHECKPOINT.replace("20852163", "9" * 5000),
        SPEC_CHECKPOINT.replace("q2I=", "q2J="),
        SPEC_CHECKPOINT.replace("q2I=", "q2I"),
        SPEC_CHECKPOINT.replace("q2I=", "q2Iq"),
        SPEC_CHECKPOINT.replace("CsUY", ""),
        SPEC_CHECKPOINT.replace("\n", "\r\n"),
    ],
)
def test_a_checkpoint_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("size", "root"), [(-1, EMPTY_ROOT), (True, EMPTY_ROOT), (10**19, EMPTY_ROOT), (1, b"")]
)
def test_a_head_that_could_not_be_read_can_not_be_made(size: int, root: bytes) -> None:
    with pytest.raises(NoteError):
        Checkpoint("a.example", size, root)


def test_an_origin_can_not_smuggle_in_another_head() -> None:
    with pytest.raises(NoteError, match="origin is not one line"):
        Checkpoint("a.example\n99\n" + base64.b64encode(EMPTY_ROOT).decode(), 1, EMPTY_ROOT)
