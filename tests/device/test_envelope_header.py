"""A header and a key each have one spelling, and a device id stands for exactly its two keys."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from device.envelope import (
    SUITES,
    Consent,
    EnvelopeError,
    Header,
    NamedReader,
    ReaderKey,
    ReaderPublic,
    Trigger,
    device_id,
    open_once,
    seal_once,
)
from device.envelope.layout import to_base64

SIGNING = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
SIGNER = SIGNING.public_key().public_bytes_raw()
REPLY = ReaderKey("x25519", b"r" * 32)
CLOUD = ReaderKey("mlkem768-x25519", b"c" * 32)
HEADER = Header(
    device=device_id(SIGNER, REPLY.public),
    boot="boot-1",
    utterance="00112233445566778899aabbccddeeff",
    trigger=Trigger("wake_word", "okay nabu", 0.97, "ab" * 32),
    first_sample=4_800,
    utc="2026-01-31T12:00:00Z",
    consent=Consent(save=True, review=False),
    ledger_index=17,
    readers=(NamedReader(CLOUD.public.id, "mlkem768-x25519", "cloud"),),
    signer=to_base64(SIGNER),
    reply=REPLY.public.encode(),
)


@pytest.mark.parametrize(
    "change",
    [
        {"device": "kitchen"},
        {"device": device_id(SIGNER, REPLY.public) + "\n"},
        {"boot": ""},
        {"boot": "a b"},
        {"utterance": "00" * 15},
        {"utterance": "AA" * 16},
        {"trigger": Trigger("shout")},
        {"trigger": Trigger("wake_word", "w" * 65, 0.97, "ab" * 32)},
        {"trigger": Trigger("wake_word", "w", float("nan"), "ab" * 32)},
        {"trigger": Trigger("wake_word", "w", float("inf"), "ab" * 32)},
        {"trigger": Trigger("wake_word", "w", 1.5, "ab" * 32)},
        {"trigger": Trigger("wake_word", "w", -0.25, "ab" * 32)},
        {"trigger": Trigger("wake_word", "w", 0.97)},
        {"trigger": Trigger("wake_word", "w", None, "ab" * 32)},
        {"trigger": Trigger("wake_word", None, 0.97, "ab" * 32)},
        {"trigger": Trigger("cover", "w" * 65)},
        {"trigger": Trigger("cover", "w", 1.5)},
        {"trigger": Trigger("cover", "w", 0.5, "ab")},
        {"trigger": Trigger("button_tap", "w")},
        {"trigger": Trigger("button_hold", "w", 0.97, "ab" * 32)},
        {"first_sample": -1},
        {"first_sample": 2**53},
        {"utc": "yesterday"},
        {"utc": "2026-01-31T12:00:00+01:00"},
        {"utc": "2026-01-31T12:00:00Z\n"},
        {"utc": "2026-02-29T12:00:00Z"},
        {"utc": "2026-01-31T24:00:00Z"},
        {"utc": "0000-01-31T12:00:00Z"},
        {"codec": "opus"},
        {"rate": 44_100},
        {"segment_samples": 960},
        {"segment_samples": 6_720},
        {"segment_samples": 1_300},
        {"consent": Consent(1, False)},
        {"ledger_index": 1.5},
        {"readers": ()},
        {"readers": HEADER.readers * 2},
        {"readers": tuple(NamedReader(f"{n:016x}", "x25519", "r") for n in range(17))},
        {"readers": (NamedReader("0" * 16, "rot13", "r"),)},
        {"readers": (NamedReader("0" * 16, "x25519", "\ud800"),)},
        {"v": 2},
    ],
    ids=str,
)
def test_a_header_out_of_bounds_is_neither_written_nor_read(change: dict[str, object]) -> None:
    with pytest.raises(EnvelopeError):
        msgspec.structs.replace(HEADER, **change).to_bytes()


@pytest.mark.parametrize(
    "change", [{"signer": "AAAA"}, {"reply": CLOUD.public.encode()}, {"reply": "x25519:AA=="}]
)
def test_a_device_id_stands_for_exactly_its_two_keys(change: dict[str, str]) -> None:
    assert HEADER.identity() == (SIGNING.public_key(), REPLY.public)
    with pytest.raises(EnvelopeError):
        msgspec.structs.replace(HEADER, **change).identity()


@pytest.mark.parametrize(
    "change",
    [
        {"trigger": Trigger("button_tap")},
        {"trigger": Trigger("wake_word", "", 0, "ab" * 32)},
        {"trigger": Trigger("wake_word", "\U0001f50a" * 64, 1.0, "ab" * 32)},
        {"utc": "2024-02-29T23:59:59.999999Z"},
    ],
    ids=str,
)
def test_a_header_within_bounds_is_written_and_read(change: dict[str, object]) -> None:
    header = msgspec.structs.replace(HEADER, **change)
    assert Header.from_bytes(header.to_bytes()) == header


def test_a_header_has_one_encoding() -> None:
    data = HEADER.to_bytes()
    assert Header.from_bytes(data) == HEADER
    for other in (
        data + b"\n",
        b" " + data,
        data.replace(b'"v":1', b'"v":1.0'),
        data.replace(b"0.97", b"0.970"),
    ):
        with pytest.raises(EnvelopeError):
            Header.from_bytes(other)


@pytest.mark.parametrize("suite", SUITES)
def test_reader_keys_survive_writing_and_reading(suite: str) -> None:
    key = ReaderKey.generate(suite)
    again = ReaderKey.from_bytes(key.to_bytes() + b"\n")
    assert again.public == key.public == ReaderPublic.decode(key.public.encode())
    assert open_once(seal_once(b"hello", key.public, b"here"), again, b"here") == b"hello"
    assert key.public.id != ReaderKey.generate(suite).public.id


def test_a_private_key_is_never_shown_and_never_taken_for_a_public_one() -> None:
    key = ReaderKey("x25519", b"a" * 32)
    secret = key.to_bytes().decode()
    assert to_base64(b"a" * 32) not in repr(key)
    with pytest.raises(EnvelopeError):
        ReaderPublic.decode(secret)
    with pytest.raises(EnvelopeError):
        ReaderKey.from_bytes(key.public.encode().encode())


def test_x_wing_keys_are_those_of_the_draft() -> None:
    """The first test vector of draft-connolly-cfrg-xwing-kem: its seed, and how its public key starts."""
    seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    raw = ReaderKey("mlkem768-x25519", seed).public.raw
    assert len(raw) == 1216
    assert raw.hex().startswith("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5b19cfc3d")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "x25519:",
        "x25519:!" + "A" * 43,
        "x25519:" + "A" * 42 + "B=",
        "x25519:" + "A" * 43 + "=\n",
        "x25519:" + "A" * 43,
        "X25519:" + "A" * 43 + "=",
        "mlkem768-x25519:" + "A" * 43 + "=",
        "mlkem768-x25519:" + "/" * 1620 + "/w==",
        "rot13:AAAA",
        "x25519:" + "ä" * 44,
        "\ud800:\ud800",
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_a_public_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(EnvelopeError):
        ReaderPublic.decode(text)


@given(st.binary(max_size=200))
@example(b"overheard-reader-private:")
@example(b"overheard-reader-private:x25519:AA==")
@example("overheard-reader-private:x25519:ä".encode())
def test_no_bytes_pass_for_a_private_key(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        ReaderKey.from_bytes(data)


@pytest.mark.parametrize("made_up", [(), ("w",), ("w", 0.5), ("w", 0.5, "ab" * 32), (None, 0.5, None)])
def test_what_cover_makes_up_may_be_there_or_not(made_up: tuple[object, ...]) -> None:
    header = msgspec.structs.replace(HEADER, trigger=Trigger("cover", *made_up))
    assert Header.from_bytes(header.to_bytes()) == header
