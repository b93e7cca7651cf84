"""Of the published vectors: what the cloud says and a ledger proves is believed, and no forgery of it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.asks import Ack
from device.envelope import ReaderKey
from device.keys import Identity
from device.ledger import (
    Checkpoint,
    NoteError,
    ProofError,
    RowError,
    Verifier,
    leaf_hash,
    open_note,
    parse_row,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from device.orders import Answer, Command, Orders, Refused
from device.serials import Serials
from device.trust import Trust

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
Json = dict[str, Any]


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def names(vectors: list[Json]) -> list[str]:
    return [vector["name"] for vector in vectors]


DOWNLINK, NOTE, LEDGER = load("downlink"), load("keys-note"), load("ledger")


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(NOTE["root"], tmp_path / "keys.note")


@pytest.fixture
def orders(trust: Trust, tmp_path: Path) -> Orders:
    kitchen = named_device(DOWNLINK["device"])
    signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kitchen["sign_seed"]))
    reply = ReaderKey.from_bytes(kitchen["reply_private"].encode())
    assert trust.take(NOTE["note"].encode())
    return Orders(Identity(kitchen["id"], signing, reply), trust, Serials(tmp_path / "serial"))


def named_device(name: str) -> Json:
    return next(device for device in load("keys")["devices"] if device["id"] == name)


def topic_of(kind: str) -> str:
    return f"overheard/v1/{DOWNLINK['device']}/down/{kind}"


def test_a_device_obeys_every_message_of_the_cloud_in_turn(orders: Orders) -> None:
    heard = [
        orders.take(topic_of(each["kind"]), bytes.fromhex(each["message"]), False)
        for each in DOWNLINK["messages"]
    ]
    utterance = DOWNLINK["messages"][0]["body"]["utterance"]
    assert heard[:4] == [
        Ack(utterance, "missing", ((0, 1), (5, 5)), False, True),
        Ack(utterance, "complete", (), False, False),
        Command("volume", 0.25),
        Command("mute", None),
    ]
    answer = heard[4]
    assert isinstance(answer, Answer)
    assert (answer.utterance, answer.text, len(answer.pcm)) == (utterance, "Half as loud", 8)


@pytest.mark.parametrize("vector", DOWNLINK["refused"], ids=names(DOWNLINK["refused"]))
def test_a_device_drops_every_forged_message(orders: Orders, vector: Json) -> None:
    assert isinstance(orders.take(topic_of(vector["kind"]), bytes.fromhex(vector["message"]), False), Refused)


def test_a_device_believes_the_keys_note(trust: Trust) -> None:
    assert trust.take(NOTE["note"].encode())
    assert trust.signer is not None
    assert trust.signer.public_bytes_raw().hex() == to_hex(NOTE["signer"])


@pytest.mark.parametrize("vector", NOTE["refused"], ids=names(NOTE["refused"]))
def test_a_device_believes_no_forged_keys_note(trust: Trust, vector: Json) -> None:
    assert not trust.take(vector["note"].encode())


def to_hex(encoded: str) -> str:
    return base64.b64decode(encoded).hex()


def test_the_heads_are_of_the_rows_and_the_first_is_in_the_end_record() -> None:
    leaves = [leaf_hash(row.encode()) for row in LEDGER["rows"]]
    for note in LEDGER["heads"]:
        head = read_head(note)
        assert head.root == root_of(leaves[: head.size])
    end = bytes.fromhex(load(LEDGER["utterance"])["end"])
    assert json.loads(end[4:-64])["checkpoint"] == LEDGER["heads"][0]


@pytest.mark.parametrize("vector", LEDGER["refused"]["heads"], ids=names(LEDGER["refused"]["heads"]))
def test_no_forged_head_is_believed(vector: Json) -> None:
    with pytest.raises(NoteError):
        read_head(vector["note"])


def read_head(note: str) -> Checkpoint:
    head = Checkpoint.parse(open_note(note, [Verifier.parse(LEDGER["vkey"])]))
    if head.origin != f"overheard/v1/{LEDGER['device']}":
        raise NoteError("another ledger")
    return head


@pytest.mark.parametrize("vector", LEDGER["refused"]["rows"], ids=names(LEDGER["refused"]["rows"]))
def test_no_odd_row_is_read(vector: Json) -> None:
    assert [parse_row(row.encode()).index for row in LEDGER["rows"]] == list(range(len(LEDGER["rows"])))
    with pytest.raises(RowError):
        parse_row(vector["row"].encode())


def test_every_proof_leads_to_its_root() -> None:
    for each in LEDGER["inclusion"]:
        prove_inclusion(each)
    for each in LEDGER["consistency"]:
        prove_consistency(each)


@pytest.mark.parametrize("vector", LEDGER["refused"]["inclusion"], ids=names(LEDGER["refused"]["inclusion"]))
def test_no_false_inclusion_is_believed(vector: Json) -> None:
    with pytest.raises(ProofError):
        prove_inclusion(vector)


@pytest.mark.parametrize(
    "vector", LEDGER["refused"]["consistency"], ids=names(LEDGER["refused"]["consistency"])
)
def test_no_false_consistency_is_believed(vector: Json) -> None:
    with pytest.raises(ProofError):
        prove_consistency(vector)


def prove_inclusion(proof: Json) -> None:
    index, size = proof["index"], proof["size"]
    leaf, root = own(proof, "leaf", "leaves", index), own(proof, "root", "roots", size)
    verify_inclusion(leaf, index, size, [bytes.fromhex(each) for each in proof["proof"]], root)


def prove_consistency(proof: Json) -> None:
    first, second = proof["first"], proof["second"]
    roots = own(proof, "first_root", "roots", first), own(proof, "second_root", "roots", second)
    verify_consistency(first, second, *roots, [bytes.fromhex(each) for each in proof["proof"]])


def own(proof: Json, name: str, listed: str, place: int) -> bytes:
    """What the proof gives, or the tree's own."""
    return bytes.fromhex(proof[name] if name in proof else LEDGER[listed][place])
