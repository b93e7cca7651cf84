"""A second reader of the wire format: docs/wire-format.md in code once more, sharing nothing with the first.

It opens every utterance among the vectors with every key that the vector names and compares each value on the
way; it reads the messages of the cloud, the keys note and the ledger; and it refuses whatever the vectors say
must be refused, an utterance at the very step. It needs the package `cryptography`, and imports none of our
code: python -E -s second_reader.py [DIR]
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

from second_basics import (
    CheckError,
    ReaderKey,
    check_public,
    device_id,
    read_private,
    read_signer,
    require,
    sha256,
)
from second_cloud import open_answer, read_downlink, read_keys_note, vkey_of
from second_envelope import (
    Begin,
    Derived,
    Json,
    check_end,
    derive,
    join_gaps,
    open_data_key,
    open_segment,
    read_begin,
)
from second_ledger import consistent, included, read_head, read_row, tree_root


class StepError(Exception):
    """The step that refused an utterance."""


@contextmanager
def step(name: str) -> Iterator[None]:
    try:
        yield
    except CheckError as reason:
        raise StepError(name) from reason


@dataclass(frozen=True)
class Opened:
    begin: Begin
    data_key: bytes
    derived: Derived
    sound: bytes
    gaps: list[list[int]]


def open_utterance(vector: Json, key: ReaderKey) -> Opened:
    segments = [bytes.fromhex(segment) for segment in vector["segments"]]
    with step("begin"):
        begin = read_begin(vector["topic"], bytes.fromhex(vector["begin"]))
    with step("data_key"):
        data_key = open_data_key(begin, key)
    with step("commitment"):
        derived = derive(begin, data_key)
    with step("segment"):
        samples = begin.header["segment_samples"]
        opened = [open_segment(segment, samples, derived) for segment in segments]
    with step("end"):
        check_end(bytes.fromhex(vector["end"]), begin, segments)
    sound = b"".join(each for each, _ in opened)
    return Opened(begin, data_key, derived, sound, join_gaps(opened))


# --- What each file of vectors says -------------------------------------------------------------------------


class Check(NamedTuple):
    """Something to read, or to refuse."""

    name: str
    refused_at: str | None
    do: Callable[[], object]


def same(found: Json, vector: Json) -> None:
    different = ", ".join(name for name, value in found.items() if vector[name] != value)
    require(not different, f"differs in {different}")


def read_utterance(vector: Json, reader: str) -> None:
    opened = open_utterance(vector, read_private(reader))
    begin, derived = opened.begin, opened.derived
    found = {
        "header": begin.header_raw.decode(),
        "header_sha256": sha256(begin.header_raw).hex(),
        "wraps": [wrap.hex() for wrap in begin.wraps],
        "header_hash": begin.header_hash.hex(),
        "data_key": opened.data_key.hex(),
        "segment_key": derived.segment_key.hex(),
        "base_nonce": derived.base_nonce.hex(),
        "commitment": derived.commitment.hex(),
        "pcm": opened.sound.hex(),
        "gaps": opened.gaps,
    }
    same(found, vector)


def utterances(files: Json) -> Iterator[Check]:
    named = {name: vector for name, vector in files.items() if "reader_private_keys" in vector}
    for name, vector in named.items():
        for reader in vector["reader_private_keys"]:
            yield Check(name, None, partial(read_utterance, vector, reader))
    for attack in files["refused"]["vectors"]:
        base = named[attack["base"]]
        key = read_private(attack.get("reader", base["reader_private_keys"][0]))
        yield Check(attack["name"], attack["refused_at"], partial(open_utterance, base | attack, key))


def keys(file: Json) -> Iterator[Check]:
    def read_reader(each: Json) -> None:
        key = read_private(each["private"])
        check_public(each["public"])
        same({"public": key.text(), "id": key.id()}, each)

    def read_device(each: Json) -> None:
        reply = read_private(each["reply_private"]).text()
        same({"reply": reply, "id": device_id(read_signer(each["signer"]), reply)}, each)

    for each in file["readers"]:
        yield Check(each["id"], None, partial(read_reader, each))
    for each in file["devices"]:
        yield Check(each["id"], None, partial(read_device, each))


def downlink(file: Json) -> Iterator[Check]:
    signer, reply = read_signer(file["signer"]), read_private(file["reply_private"])

    def read(each: Json) -> None:
        told = read_downlink(each["kind"], bytes.fromhex(each["message"]), signer, file["device"])
        same({"body": told.body, "attachment": told.attachment.hex()}, each)
        if each["kind"] == "response":
            same({"answer": open_answer(told, reply).hex()}, file)

    for number, each in enumerate(file["messages"]):
        yield Check(f"downlink {number}", None, partial(read, each))
    for each in file["refused"]:
        message = bytes.fromhex(each["message"])
        do = partial(read_downlink, each["kind"], message, signer, file["device"])
        yield Check(each["name"], "refused", do)


def keys_note(file: Json) -> Iterator[Check]:
    yield Check("keys note", None, lambda: same(read_keys_note(file["note"], file["root"]), file))
    for each in file["refused"]:
        yield Check(each["name"], "refused", partial(read_keys_note, each["note"], file["root"]))


def ledger(file: Json, spoken: Json) -> Iterator[Check]:
    """The tree and its heads, and that its rows are of the messages of the utterance."""
    leaves = [sha256(b"\0", row.encode()) for row in file["rows"]]
    roots = [tree_root(leaves[:size]) for size in range(len(leaves) + 1)]
    found = {"leaves": [leaf.hex() for leaf in leaves], "roots": [root.hex() for root in roots]}
    yield Check("ledger", None, partial(same, found, file))
    yield Check("rows", None, partial(reconcile, file, spoken))

    def head(note: str) -> None:
        size, root = read_head(note, file["vkey"], file["device"])
        require(size < len(roots) and roots[size] == root, "another root")

    for number, note in enumerate(file["heads"]):
        yield Check(f"head {number}", None, partial(head, note))
    for each in file["refused"]["heads"]:
        yield Check(each["name"], "refused", partial(head, each["note"]))
    for each in file["refused"]["rows"]:
        yield Check(each["name"], "refused", partial(read_row, each["row"].encode()))


def proofs(file: Json) -> Iterator[Check]:
    """Proofs of the ledger's tree; a leaf or root is the tree's own, unless it is given."""

    def hash_of(each: Json, name: str, listed: str, place: str) -> bytes:
        return bytes.fromhex(each[name] if name in each else file[listed][each[place]])

    def include(each: Json) -> None:
        leaf, root = hash_of(each, "leaf", "leaves", "index"), hash_of(each, "root", "roots", "size")
        require(included(leaf, each["index"], each["size"], unhex(each["proof"])) == root, "another root")

    def extend(each: Json) -> None:
        first = hash_of(each, "first_root", "roots", "first")
        second = hash_of(each, "second_root", "roots", "second")
        proved = consistent(each["first"], each["second"], unhex(each["proof"]), first)
        require(proved == (first, second), "other roots")

    for kind, do in (("inclusion", include), ("consistency", extend)):
        for each in file[kind]:
            yield Check(f"{kind} {each}", None, partial(do, each))
        for each in file["refused"][kind]:
            yield Check(each["name"], "refused", partial(do, each))


def reconcile(file: Json, spoken: Json) -> None:
    """Every message of the utterance has its row, and the end record holds a head of this ledger."""
    header, end = json.loads(spoken["header"]), bytes.fromhex(spoken["end"])
    require(file["vkey"] == vkey_of(file["device"], read_signer(header["signer"])), "another key")
    require(json.loads(end[4:-64])["checkpoint"] in file["heads"], "another checkpoint")
    rows = [read_row(row.encode()) for row in file["rows"]]
    require([row["index"] for row in rows] == list(range(len(rows))), "index of a row")
    began = rows[header["ledger_index"]]
    require(began["kind"] in ("trigger", "resealed"), "ledger_index")
    require(began["utterance"] == header["utterance"], "ledger_index of another")
    messages = [("begin", spoken["begin"]), *(("segment", each) for each in spoken["segments"])]
    sent = [row for row in rows if row["kind"] in ("begin", "segment", "end")]
    for row, (part, message) in zip(sent, [*messages, ("end", spoken["end"])], strict=True):
        raw = bytes.fromhex(message)
        topic = spoken["topic"].removesuffix("begin") + part
        same({"kind": part, "topic": topic, "bytes": len(raw), "sha256": sha256(raw).hex()}, row)


def unhex(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in hashes]


def problem(check: Check) -> str:
    at = why = None
    try:
        check.do()
    except StepError as refusal:
        at, why = str(refusal), refusal.__cause__
    except CheckError as refusal:
        at, why = "refused", refusal
    except (LookupError, TypeError, ValueError) as error:
        return f"{check.name}: the vector itself is malformed: {error!r}"
    return (
        ""
        if at == check.refused_at
        else f"{check.name}: {at or 'taken'} ({why}), not {check.refused_at or 'taken'}"
    )


def run(directory: Path) -> int:
    files = {
        path.stem: cast(Json, json.loads(path.read_text(encoding="utf-8")))
        for path in directory.glob("*.json")
    }
    rows = files["ledger"]
    checks = [*utterances(files), *keys(files["keys"]), *downlink(files["downlink"])]
    checks += [*keys_note(files["keys-note"]), *ledger(rows, files[rows["utterance"]]), *proofs(rows)]
    wrong = [line for line in map(problem, checks) if line]
    refused = sum(check.refused_at is not None for check in checks)
    print("\n".join(wrong) or f"{len(checks) - refused} read, {refused} refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
