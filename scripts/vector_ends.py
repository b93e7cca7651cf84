"""Ends against the rules among the test vectors, and segments that all open and are not the utterance.

Each is refused at the step `end`.
"""

import hashlib
import json
from collections.abc import Iterator

from vector_forge import Cast, Json, changed, end, flip, refused_at, unreduced


def all_of(cast: Cast) -> Iterator[Json]:
    yield from refused_at("end", cast.base, "end", _ends(cast))
    yield from refused_at("end", cast.base, "end", _records(cast))
    yield from _lists(cast)


def _ends(cast: Cast) -> dict[str, bytes]:
    message = bytes.fromhex(cast.base["end"])
    record = message[4:-64].decode()
    edited = end(record.replace("silence", "released"))
    return {
        "end-of-another-utterance": bytes.fromhex(cast.other["end"]),
        "end-bit-flipped": flip(message, 40),
        "end-cut": message[:-1],
        "end-extended": message + b"\0",
        "end-empty": b"",
        "end-length-huge": b"\xff" * 4 + message[4:],
        "end-reason-edited": edited[:-64] + message[-64:],
        "end-signature-not-reduced": unreduced(message),
        "end-signed-by-another-device": end(record, cast.stranger),
        "end-not-canonical-signed": end(record.replace(":", ": ", 1), cast.device),
        "end-number-spelled-2.0-signed": end(record.replace('"segments":2', '"segments":2.0'), cast.device),
    }


def _records(cast: Cast) -> dict[str, bytes]:
    """End records whose signature is good."""
    other, record = cast.other, bytes.fromhex(cast.base["end"])[4:-64].decode()
    told, theirs = json.loads(record), json.loads(bytes.fromhex(other["end"])[4:-64])
    changes: dict[str, Json] = {
        "v-2": {"v": 2},
        "v-true": {"v": True},
        "utterance-of-another": {"utterance": theirs["utterance"]},
        "header-hash-of-another": {"header_hash": other["header_hash"]},
        "header-hash-upper-case": {"header_hash": told["header_hash"].upper()},
        "count-wrong": {"segments": 3},
        "sha256-wrong": {"sha256": theirs["sha256"]},
        "sha256-upper-case": {"sha256": told["sha256"].upper()},
        "sha256-of-another-hash": {"sha256": hashlib.sha512(b"").hexdigest()},
        "reason-unknown": {"reason": "bored"},
        "reason-null": {"reason": None},
        "checkpoint-null": {"checkpoint": None},
        "checkpoint-missing": {"checkpoint": ...},
        "unknown-field": {"text": "hello"},
        "too-long": {"checkpoint": "x" * 65_536},
    }
    return {f"end-{name}-signed": end(changed(record, **each), cast.device) for name, each in changes.items()}


def _lists(cast: Cast) -> Iterator[Json]:
    """Segments that all open, and are not the utterance."""
    several, one = cast.other["segments"], cast.cases["one-segment"]
    lists = {
        "tail-missing": several[:-1],
        "middle-missing": several[:1] + several[2:],
        "segment-twice": several[:1] + several,
        "segments-swapped": [several[1], several[0], *several[2:]],
    }
    for name, segments in lists.items():
        yield {"name": name, "base": cast.other["name"], "segments": segments, "refused_at": "end"}
    counts: tuple[tuple[str, Json, list[str], int], ...] = (
        ("cut-before-the-last-flag-signed", cast.base, cast.base["segments"][:1], 1),
        ("end-without-segments-signed", cast.base, [], 0),
        ("segments-swapped-signed", cast.other, lists["segments-swapped"], 4),
        ("segment-twice-signed", cast.other, lists["segment-twice"], 5),
        ("end-count-true-signed", one, one["segments"], True),
    )
    for name, case, segments, count in counts:
        record = bytes.fromhex(case["end"])[4:-64].decode()
        digest = hashlib.sha256(bytes.fromhex("".join(segments))).hexdigest()
        message = end(changed(record, segments=count, sha256=digest), cast.device)
        yield {
            "name": name,
            "base": case["name"],
            "segments": segments,
            "end": message.hex(),
            "refused_at": "end",
        }
