"""The test vectors of the ledger: the rows around one utterance, their tree, its signed heads, and forgeries.

The rows are those of a device that spoke the vector `several-segments`, so that messages and rows reconcile.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from vector_forge import Json, canonical, changed, flip, from_base64, odd_base64, to_base64

from device.envelope import topics
from device.ledger import (
    Checkpoint,
    Row,
    Signer,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    row_bytes,
    sign,
)

ABOUT = (
    "The ledger of the device that spoke the vector `utterance`. roots[n] is the root of the first n "
    "rows. An inclusion proof is of leaves[index] under roots[size], a consistency proof from "
    "roots[first] to roots[second]. No row, head or proof in `refused` may be believed; there `leaf`, "
    "`root`, `first_root` and `second_root`, where given, stand for those."
)
ROWS_BEFORE_THE_END = 8
"""The head in the end record is of these: it was written before the last segment and the end left."""


class Spoken(NamedTuple):
    """The messages of the utterance; without an end while there is none."""

    header: Json
    samples: int
    begin: bytes
    segments: list[bytes]
    end: bytes | None = None


def head(signer: Signer, rows: list[bytes]) -> str:
    """The signed head of a ledger, as the device writes it."""
    root = root_of([leaf_hash(row) for row in rows])
    return sign(Checkpoint(f"overheard/v1/{signer.name}", len(rows), root).text(), signer)


def rows_of(spoken: Spoken) -> list[bytes]:
    header = spoken.header
    device, utterance = header["device"], header["utterance"]
    me = {"v": 1, "device": device, "boot": header["boot"]}
    published = {"utterance": utterance, "cause": "live"}
    online = canonical({**me, "state": "online", "ledger": 2}).encode()
    told: list[Json] = [
        {"kind": "boot", "first_sample": 0, "cause": "live"},
        {"kind": "connect", "cause": "will", **_measure(canonical({**me, "state": "lost"}).encode())},
        {"kind": "status", "topic": topics.status(device), "cause": "live", **_measure(online)},
        {
            "kind": "trigger",
            "utterance": utterance,
            "first_sample": header["first_sample"],
            "cause": header["trigger"]["kind"],
        },
        {"kind": "begin", "topic": topics.utterance(device, utterance, "begin"), **published}
        | _measure(spoken.begin),
    ]
    told += [{"kind": "segment", **published, **each} for each in _segments(spoken)]
    if spoken.end is not None:
        where = {"topic": topics.utterance(device, utterance, "end")}
        told += [{"kind": "end", **where, **published, **_measure(spoken.end)}]
        told += [{"kind": "muted", "first_sample": 320_000, "cause": "button_tap"}]
    return [row_bytes(Row(index=index, **fields)) for index, fields in enumerate(told)]


def vectors(spoken: Spoken, name: str, signer: Signer, stranger: Signer) -> Json:
    """Everything that ledger.json holds."""
    rows = rows_of(spoken)
    leaves = [leaf_hash(row) for row in rows]
    size = len(rows)
    included = [(index, size) for index in range(size)] + [(0, 1), (2, 3), (5, 6), (0, 8), (7, 8)]
    consistent = [(1, 2), (1, size), (3, 8), (4, 8), (6, size), (7, size), (8, size), (size, size)]
    tree = {
        "rows": [row.decode() for row in rows],
        "leaves": [leaf.hex() for leaf in leaves],
        "roots": [root_of(leaves[:count]).hex() for count in range(size + 1)],
        "inclusion": [
            {"index": index, "size": count, "proof": _hex(inclusion_proof(leaves[:count], index))}
            for index, count in included
        ],
        "consistency": [
            {"first": first, "second": second, "proof": _hex(consistency_proof(leaves[:second], first))}
            for first, second in consistent
        ],
    }
    heads = [head(signer, rows[:ROWS_BEFORE_THE_END]), head(signer, rows)]
    return {
        "about": ABOUT,
        "utterance": name,
        "device": signer.name,
        "vkey": signer.vkey,
        **tree,
        "heads": heads,
        "refused": {
            "rows": list(_rows(rows)),
            "heads": list(_heads(heads[-1], signer, stranger)),
            "inclusion": list(_inclusions(tree)),
            "consistency": list(_consistencies(tree)),
        },
    }


def _segments(spoken: Spoken) -> Iterator[Json]:
    header, step = spoken.header, spoken.header["segment_samples"]
    for index, message in enumerate(spoken.segments):
        yield {
            "topic": topics.utterance(header["device"], header["utterance"], "segment"),
            "segment": index,
            "first_sample": header["first_sample"] + index * step,
            "samples": min(step, spoken.samples - index * step),
            **_measure(message),
        }


def _rows(rows: list[bytes]) -> Iterator[Json]:
    trigger, segment = rows[3].decode(), rows[5].decode()
    crafted = {
        "row-not-canonical": segment.replace(":", ": ", 1),
        "row-unknown-field": changed(segment, text="hello"),
        "row-kind-unknown": changed(trigger, kind="heard"),
        "row-null-for-absent": changed(trigger, topic=None),
        "row-index-missing": changed(trigger, index=...),
        "row-index-negative": changed(trigger, index=-1),
        "row-that-left-without-a-hash": changed(segment, sha256=...),
        "row-that-stayed-with-a-topic": changed(trigger, topic="overheard/v1/keys"),
        "row-hash-upper-case": changed(segment, sha256="AB" * 32),
    }
    return ({"name": name, "row": row} for name, row in crafted.items())


def _heads(note: str, signer: Signer, stranger: Signer) -> Iterator[Json]:
    origin, size, root, rest = note.split("\n", 3)
    same_name, same_key = Signer(signer.name, stranger.key), Signer(stranger.name, signer.key)
    text, line = note.split("\n\n")
    mark, _, signature = line.rpartition(" ")
    crafted = {
        "head-signature-missing": f"{text}\n\n",
        "head-size-edited": f"{origin}\n{int(size) + 1}\n{root}\n{rest}",
        "head-signature-bit-flipped": f"{text}\n\n{mark} {_flipped(signature)}\n",
        "head-signature-base64-not-canonical": f"{text}\n\n{mark} {odd_base64(signature.strip())}\n",
        "head-signed-by-another-device": sign(f"{text}\n", stranger),
        "head-signed-in-the-name-of-the-device": sign(f"{text}\n", same_name),
        "head-signed-under-another-name": sign(f"{text}\n", same_key),
        "head-of-another-origin-signed": sign(f"overheard/v1/{stranger.name}\n{size}\n{root}\n", signer),
        "head-size-with-a-zero-signed": sign(f"{origin}\n0{size}\n{root}\n", signer),
        "head-size-negative-signed": sign(f"{origin}\n-1\n{root}\n", signer),
        "head-root-of-31-bytes-signed": sign(f"{origin}\n{size}\n{to_base64(bytes(31))}\n", signer),
        "head-root-base64-not-canonical-signed": sign(f"{origin}\n{size}\n{odd_base64(root)}\n", signer),
        "head-fourth-line-signed": sign(f"{origin}\n{size}\n{root}\nmore\n", signer),
        "head-line-missing-signed": sign(f"{origin}\n{size}\n", signer),
    }
    return ({"name": name, "note": crafted_note} for name, crafted_note in crafted.items())


def _inclusions(tree: Json) -> Iterator[Json]:
    good = next(each for each in tree["inclusion"] if (each["index"], each["size"]) == (5, 11))
    proof = good["proof"]
    crafted: dict[str, Json] = {
        "inclusion-of-another-leaf": {"leaf": tree["leaves"][6]},
        "inclusion-under-another-root": {"root": tree["roots"][8]},
        "inclusion-at-another-index": {"index": 4, "leaf": tree["leaves"][5]},
        "inclusion-in-another-size": {"size": 8, "root": tree["roots"][11]},
        "inclusion-beyond-the-end": {"index": 11, "leaf": tree["leaves"][5]},
        "inclusion-cut": {"proof": proof[:-1]},
        "inclusion-extended": {"proof": [*proof, tree["roots"][0]]},
        "inclusion-swapped": {"proof": [proof[1], proof[0], *proof[2:]]},
        "inclusion-bit-flipped": {"proof": [flip(bytes.fromhex(proof[0]), 31).hex(), *proof[1:]]},
    }
    return ({"name": name, **good, **change} for name, change in crafted.items())


def _consistencies(tree: Json) -> Iterator[Json]:
    good = next(each for each in tree["consistency"] if (each["first"], each["second"]) == (7, 11))
    proof, roots = good["proof"], tree["roots"]
    crafted: dict[str, Json] = {
        "consistency-from-another-root": {"first_root": roots[6]},
        "consistency-to-another-root": {"second_root": roots[10]},
        "consistency-from-nothing": {"first": 0, "proof": []},
        "consistency-backwards": {"first": 11, "second": 7},
        "consistency-of-one-size-and-two-roots": {
            "first": 11,
            "second": 11,
            "first_root": roots[10],
            "second_root": roots[11],
            "proof": [],
        },
        "consistency-of-one-size-with-a-proof": {"first": 11, "second": 11},
        "consistency-cut": {"proof": proof[:-1]},
        "consistency-extended": {"proof": [*proof, roots[0]]},
        "consistency-bit-flipped": {"proof": [flip(bytes.fromhex(proof[0]), 0).hex(), *proof[1:]]},
    }
    return ({"name": name, **good, **change} for name, change in crafted.items())


def _flipped(signature: str) -> str:
    return to_base64(flip(from_base64(signature), 40))


def _measure(payload: bytes) -> Json:
    return {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}


def _hex(hashes: list[bytes]) -> list[str]:
    return [each.hex() for each in hashes]
