"""The room's sound on disks: in any file that the device, the broker or the cloud wrote (promise 4)."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence
from lab.audit.verdicts import Check, Finding

_LABORATORY = frozenset(
    {"room.flac", "world.jsonl", "timeline.jsonl", "sent.jsonl", "report.html", "audit.html", "verdict.json"}
)
"""What the laboratory wrote itself."""

NEEDLE_SAMPLES, STEP_SAMPLES = 20, 160
"""A needle every 10 ms, so that one is whole in any 12 ms of the room's sound."""
_DISTINCT = 8
"""Values that a needle has at least: silence is everywhere."""
FORMS = {"16 bit": "<i2", "16 bit, bytes swapped": ">i2", "32-bit float": "<f4"}
_HEAD_BYTES = 8


def _disk(evidence: Evidence) -> Iterator[Finding]:
    """No 12 ms of the room are in any file that device, broker or cloud wrote, in any form of FORMS."""
    needles = {form: _needles(evidence, kind) for form, kind in FORMS.items()}
    for path in files(evidence.given.directory):
        content = path.read_bytes()
        for form, found in needles.items():
            at = _search(content, found)
            if at is not None:
                where = f"{path.relative_to(evidence.given.directory)}, byte {at}"
                yield Finding(f"sound of the room lies there in the clear ({form})", where)


def _memory(_evidence: Evidence) -> Iterator[Finding]:
    """The memory of the running firmware is no artefact of a run."""
    raise NotGiven("a search of the running firmware's memory, which this release cannot make yet")


def files(directory: Path) -> Iterator[Path]:
    """Every file in a folder, but for those that the laboratory writes into a run's."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.relative_to(directory).parts[0] not in _LABORATORY:
            yield path


@cache
def _needles(evidence: Evidence, kind: str) -> tuple[np.ndarray, frozenset[bytes]]:
    """The heads of all needles, sorted, and the needles."""
    room = np.frombuffer(evidence.room(0, evidence.room_samples), "<i2")
    found = set()
    for at in range(0, len(room) - NEEDLE_SAMPLES, STEP_SAMPLES):
        piece = room[at : at + NEEDLE_SAMPLES]
        if len(np.unique(piece)) >= _DISTINCT:
            found.add((piece / 32768 if "f" in kind else piece).astype(kind).tobytes())
    heads = np.unique(np.frombuffer(b"".join(needle[:_HEAD_BYTES] for needle in found), "<u8"))
    return heads, frozenset(found)


def _search(content: bytes, needles: tuple[np.ndarray, frozenset[bytes]]) -> int | None:
    """Where the first needle is, at any byte."""
    heads, whole = needles
    size = len(next(iter(whole))) if whole else 0
    for shift in range(min(_HEAD_BYTES, max(0, len(content) - _HEAD_BYTES + 1)) if size else 0):
        words = np.frombuffer(content, "<u8", (len(content) - shift) // _HEAD_BYTES, shift)
        for index in np.flatnonzero(np.isin(words, heads)):
            at = shift + int(index) * _HEAD_BYTES
            if content[at : at + size] in whole:
                return at
    return None


CHECKS = (
    Check("memory.disk", 4, "no 12 ms of the room lie in the clear in a file that was written", _disk),
    Check("memory.canary", 4, "the running firmware's memory holds no sound older than a frame", _memory),
)
