"""The room's sound on disks: in any file of a run that device, broker or cloud wrote (promise 4), pages that
a database has freed and its log among them. Files are read as bytes: no program is asked what is in them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence
from lab.audit.shelf import Shelf
from lab.audit.verdicts import Check, Finding
from lab.canary.forms import RATE_HZ, Samples
from lab.canary.search import Grain, Sought, plain

LABORATORY = frozenset(
    {
        "room.flac", "world.jsonl", "timeline.jsonl", "sent.jsonl", "report.html", "audit.html",
        "verdict.json", "memory.json", "wire.pcapng", "wire.keys", "link.json", "access.head",
    }
)  # fmt: skip
"""What the laboratory wrote itself, of what it heard or saw."""

TWENTY_MS = Grain(least=320, said=320, hop=16)
_AT_ONCE = 120 * RATE_HZ
_OVERLAP = 960
"""So that in no form 320 samples lie across two stretches, and whole in neither."""


def _disk(evidence: Evidence) -> Iterator[Finding]:
    """No 20 ms of the room are in any file, in any form of `lab.canary.forms`."""
    evidence.path("egress.db", "the files that the device wrote: its outbox, egress.db, at least")
    shelf = Shelf(evidence.given.directory, _files(evidence))
    said: set[tuple[str, str]] = set()
    for sound in _sounds(evidence):
        for found in plain(Sought(sound, TWENTY_MS).within(shelf.data)):
            place = (shelf.file(found.offset), found.form)
            if place not in said:
                said.add(place)
                what = f"20 ms of the room or more lie there in the clear ({found.form})"
                yield Finding(what, shelf.where(found.offset))


def _sounds(evidence: Evidence) -> Iterator[Samples]:
    """What to look for: the room, a stretch at a time; else what was opened, which is not all there was.

    Raises:
        NotGiven: after that, where the room was not recorded.
    """
    try:
        samples = evidence.room_samples
    except NotGiven:
        yield from (np.frombuffer(opened.utterance.pcm, "<i2") for opened in evidence.opened)
        raise
    for first in range(0, samples, _AT_ONCE):
        yield np.frombuffer(evidence.room(first, _AT_ONCE + _OVERLAP), "<i2")


def _files(evidence: Evidence) -> Iterator[Path]:
    """Every file in a folder, but for those that the laboratory writes into a run's."""
    directory = evidence.given.directory
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.relative_to(directory).parts[0] not in LABORATORY:
            yield path


CHECKS = (
    Check(
        "memory.disk", 4, "20 ms of the room are nowhere in the clear in the files that were written", _disk
    ),
)
