"""The second reader's ledger: rows, the tree over them, its proofs and its signed heads.

Written from docs/wire-format.md; proofs are folded as RFC 6962 defines them.
"""

import re
from typing import NamedTuple, cast

from second_basics import from_base64, read_json, require, sha256
from second_cloud import open_note
from second_envelope import COUNT, HEX_256, Json, Rule, fields, is_string, number

LEFT = ("connect", "status", "begin", "segment", "end", "checkpoint", "request", "state", "discovery")
STAYED = (
    "boot", "trigger", "rejected_wake", "refused", "dropped", "muted", "resealed", "set_aside", "microphone",
    "protections",
)  # fmt: skip
SENT: dict[str, Rule] = {"topic": is_string, "bytes": COUNT, "sha256": HEX_256}
ABOUT: dict[str, Rule] = {
    "utterance": is_string,
    "segment": COUNT,
    "first_sample": COUNT,
    "samples": COUNT,
    "cause": is_string,
}
SCORES: dict[str, Rule] = {"first_score": number(0, 1), "second_score": number(0, 1)}


class Head(NamedTuple):
    size: int
    root: bytes


def read_head(note: str, vkey: str, device: str) -> Head:
    """The signed head of a device's ledger."""
    require(vkey.partition("+")[0] == device, "the key is not named after the device")
    lines = open_note(note, vkey).split("\n")
    require(len(lines) == 4 and lines[3] == "", "lines of a head")
    require(lines[0] == f"overheard/v1/{device}", "another origin")
    require(re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]) is not None, "size")
    root = from_base64(lines[2])
    require(len(root) == 32, "length of a root")
    return Head(int(lines[1]), root)


def read_row(raw: bytes) -> Json:
    value = read_json(raw)
    kind = value.get("kind") if isinstance(value, dict) else None
    require(kind in LEFT + STAYED, "kind of a row")
    known: dict[str, Rule] = {"index": COUNT, "kind": is_string}
    if kind == "connect":
        require(fields(known, ABOUT | SENT)(value), "fields of a row")
    else:
        about = ABOUT | (SCORES if kind == "rejected_wake" else {})
        require(fields(known | (SENT if kind in LEFT else {}), about)(value), "fields of a row")
    return cast(Json, value)


def split(size: int) -> int:
    """The largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1


def tree_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    left = split(len(leaves))
    return sha256(b"\1", tree_root(leaves[:left]), tree_root(leaves[left:]))


def included(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that PATH, section 2.1.1, leads to."""
    require(0 <= index < size, "no such leaf")
    require(bool(proof) == (size > 1), "length of an inclusion proof")
    if size == 1:
        return leaf
    left, rest, sibling = split(size), proof[:-1], proof[-1]
    if index < left:
        return sha256(b"\1", included(leaf, index, left, rest), sibling)
    return sha256(b"\1", sibling, included(leaf, index - left, size - left, rest))


def consistent(first: int, second: int, proof: list[bytes], first_root: bytes | None) -> tuple[bytes, bytes]:
    """The two roots that SUBPROOF, section 2.1.2, leads to; with a root while the first tree is whole."""
    require(0 < first <= second, "nothing to prove")
    if first == second:
        require(len(proof) == (first_root is None), "length of a consistency proof")
        known = proof[0] if first_root is None else first_root
        return known, known
    require(bool(proof), "length of a consistency proof")
    left, rest, sibling = split(second), proof[:-1], proof[-1]
    if first <= left:
        old, new = consistent(first, left, rest, first_root)
        return old, sha256(b"\1", new, sibling)
    old, new = consistent(first - left, second - left, rest, None)
    return sha256(b"\1", sibling, old), sha256(b"\1", sibling, new)
