"""Only the cloud's key speaks to a device, in one domain a message; only the device opens its answers."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device.envelope import EnvelopeError, ReaderKey, downlink, open_once, seal_once

CLOUD = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
PUBLIC = CLOUD.public_key()
UTTERANCE = "00112233445566778899aabbccddeeff"
ACK = {
    "v": 1,
    "device": "ovh-x",
    "utterance": UTTERANCE,
    "state": "missing",
    "missing": [[0, 3], [7, 7]],
    "begin": False,
    "end": True,
}
COMMAND = {"v": 1, "device": "ovh-x", "serial": 9, "do": "volume", "to": 0.25}
RESPONSE = {"v": 1, "device": "ovh-x", "utterance": UTTERANCE}
SAMPLES = [("ack", ACK, b""), ("command", COMMAND, b""), ("response", RESPONSE, b"sealed answer")]


@pytest.mark.parametrize(("kind", "body", "attachment"), SAMPLES)
def test_what_the_cloud_says_arrives_as_it_was_said(
    kind: str, body: dict[str, Any], attachment: bytes
) -> None:
    assert downlink.open(kind, downlink.sign(kind, body, CLOUD, attachment), PUBLIC) == (body, attachment)


@pytest.mark.parametrize(("kind", "body", "attachment"), SAMPLES)
def test_no_byte_of_a_message_can_be_changed(kind: str, body: dict[str, Any], attachment: bytes) -> None:
    message = downlink.sign(kind, body, CLOUD, attachment)
    for place in range(len(message)):
        for bit in range(8):
            changed = bytearray(message)
            changed[place] ^= 1 << bit
            with pytest.raises(EnvelopeError):
                downlink.open(kind, bytes(changed), PUBLIC)


@pytest.mark.parametrize(("kind", "body", "attachment"), SAMPLES)
def test_a_message_cannot_be_cut_or_extended(kind: str, body: dict[str, Any], attachment: bytes) -> None:
    message = downlink.sign(kind, body, CLOUD, attachment)
    for length in range(len(message)):
        with pytest.raises(EnvelopeError):
            downlink.open(kind, message[:length], PUBLIC)
    with pytest.raises(EnvelopeError):
        downlink.open(kind, message + b"\0", PUBLIC)


@pytest.mark.parametrize("kind", downlink.KINDS)
def test_a_message_of_one_kind_is_not_a_message_of_another(kind: str) -> None:
    message = downlink.sign(kind, RESPONSE, CLOUD)
    for other in set(downlink.KINDS) - {kind}:
        with pytest.raises(EnvelopeError, match="signature"):
            downlink.open(other, message, PUBLIC)


def test_another_key_is_not_the_cloud() -> None:
    forged = downlink.sign("command", COMMAND, Ed25519PrivateKey.from_private_bytes(b"m" * 32))
    with pytest.raises(EnvelopeError, match="signature"):
        downlink.open("command", forged, PUBLIC)


@pytest.mark.parametrize("kind", ["begin", "end", "", "unmute", "ack\0"])
def test_the_cloud_cannot_sign_in_a_domain_of_the_device(kind: str) -> None:
    with pytest.raises(EnvelopeError, match="not a downlink message"):
        downlink.sign(kind, COMMAND, CLOUD)
    with pytest.raises(EnvelopeError, match="not a downlink message"):
        downlink.open(kind, downlink.sign("command", COMMAND, CLOUD), PUBLIC)


def signed(record: bytes, attachment: bytes = b"") -> bytes:
    signature = CLOUD.sign(b"overheard/v1/command\0" + record)
    return len(record).to_bytes(4, "big") + record + signature + attachment


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"1",
        b'{"v":1',
        b'{"v":1 }',
        b'{"v":1,"v":1}',
        b'{"v":1.0}',
        b'{"v":2}',
        b'{"v":true}',
        b'{"device":"x"}',
        b'{"a":NaN,"v":1}',
        b'{"a":1e999,"v":1}',
        b'{"a":9007199254740993,"v":1}',
        b'{"v":1,"a":0}',
        b'{"a":"\xff","v":1}',
        b'{"a":"\\ud800","v":1}',
        b'{"attachment":null,"v":1}',
        b'{"attachment":"","v":1}',
        b'{"a":' + b"[" * 60_000,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b',"v":1}',
        b'{"a":[[[]]],"v":1}',
        b'{"a":{},"v":1}',
        b'{"a":"' + b"x" * 66_000 + b'","v":1}',
    ],
    ids=lambda record: record[:20],
)
def test_even_the_clouds_own_key_cannot_make_a_device_read_odd_json(record: bytes) -> None:
    assert downlink.open("command", signed(b'{"a":0,"v":1}'), PUBLIC) == ({"a": 0, "v": 1}, b"")
    with pytest.raises(EnvelopeError):
        downlink.open("command", signed(record), PUBLIC)


def test_an_attachment_that_is_not_named_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="attachment"):
        downlink.open("command", signed(b'{"v":1}', b"more"), PUBLIC)


@pytest.mark.parametrize(
    "body",
    [{}, {"v": 2}, {"v": True}, {"v": 1, "attachment": "x"}, {"v": 1, "a": float("nan")}, {"v": 1, "a": b""}],
)
def test_a_body_that_no_device_would_accept_is_never_signed(body: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError):
        downlink.sign("ack", body, CLOUD)


@given(st.binary(max_size=300))
@example(b"\xff\xff\xff\xff")
@example(b"\0\0\0\0" + bytes(64))
@settings(deadline=None)
def test_no_bytes_at_all_do_more_than_be_refused(message: bytes) -> None:
    with pytest.raises(EnvelopeError):
        downlink.open("ack", message, PUBLIC)


@pytest.mark.parametrize("suite", ["mlkem768-x25519", "x25519"])
def test_an_answer_opens_only_for_its_device_and_its_utterance(suite: str) -> None:
    reply, other = ReaderKey(suite, b"r" * 32), ReaderKey(suite, b"o" * 32)
    said = json.dumps({"actions": [{"do": "stop"}], "intent": "stop", "text": "Stopped"}).encode()
    answer = len(said).to_bytes(4, "big") + said + b"\0\1" * 160
    context = b"overheard/v1/response\0" + UTTERANCE.encode()
    sealed = seal_once(answer, reply.public, context)
    _, attachment = downlink.open("response", downlink.sign("response", RESPONSE, CLOUD, sealed), PUBLIC)
    assert open_once(attachment, reply, context) == answer
    for key, where in ((other, context), (reply, context[:-1] + b"0")):
        with pytest.raises(EnvelopeError):
            open_once(attachment, key, where)
