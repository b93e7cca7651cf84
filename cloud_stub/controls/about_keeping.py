"""Controls about what is drawn, what is kept, and whether what was deleted is gone."""

import math
import mmap
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from cloud_stub.controls.evidence import Evidence
from cloud_stub.held import may_stay
from cloud_stub.review.sampler import is_drawn
from cloud_stub.wishes import at_that_time

GRACE = timedelta(days=1)
"""Chores are done once a minute; a machine may be off for a day."""

UNLIKELY = 4.5
"""Standard deviations: an honest draw is beyond them once in 290,000 audits."""

_SOUND = re.compile(rb"RIFF.{4}WAVE|fLaC\x00\x00\x00|OggS\x00\x02", re.DOTALL)


def share(seen: Evidence) -> Iterator[str]:
    """No more is drawn than owners are told."""
    declared, drawn = seen.settings.declared_share, seen.tallies.get("drawn", 0)
    considered = seen.tallies.get("considered", 0)
    if seen.settings.share > declared:
        yield f"[review] share is {seen.settings.share:g}, and owners are told {declared:g}"
    spread = math.sqrt(considered * declared * (1 - declared))
    if drawn > considered * declared + UNLIKELY * spread + 1:
        yield f"{drawn} of {considered} recordings were drawn; owners are told {declared:g}"


def draws(seen: Evidence) -> Iterator[str]:
    """Everything that was drawn is what the key draws: nobody chose it."""
    for whose in sorted(seen.subjects):
        if not is_drawn(seen.key, whose, seen.settings.share):
            yield f"{whose}: in review, and not drawn by the key; somebody chose it"


def retention(seen: Evidence) -> Iterator[str]:
    """Nothing is kept for longer than its owner wishes, or against what its device signed."""
    for whose, held in sorted(seen.held.items()):
        if held.state != "complete" or held.header is None:
            continue
        wish = at_that_time(seen.wishes[whose.device], seen.now)
        if wish.is_over(held.begun, seen.now - GRACE):
            yield f"{whose}: kept since {held.begun:%Y-%m-%d}; its owner's wish is {wish.keep}"
        done = held.completed or held.begun
        if not may_stay(held.header) and seen.now - done > GRACE:
            yield f"{whose}: kept since {held.begun:%Y-%m-%d}; its device signed that it is not to be"


def deletions(seen: Evidence) -> Iterator[str]:
    """Of what was deleted no file has a header, a topic or a key any more; and no file has sound in the
    clear.

    Every byte of every file under the cloud's directory is searched: databases, their logs, the broker's
    store.
    """
    gone = [whose for whose, held in seen.held.items() if held.state == "forgotten"]
    marks = {
        mark: whose
        for whose in gone
        for mark in (
            f'"utterance":"{whose.utterance}","v":1'.encode(),  # of its header
            f"/utterance/{whose.utterance}/".encode(),  # of its topics
        )
    }
    for path in sorted(each for each in seen.directory.rglob("*") if each.is_file() and each.stat().st_size):
        yield from _search(path, marks, seen.directory)


def _search(path: Path, marks: Mapping[bytes, object], directory: Path) -> Iterator[str]:
    where = path.relative_to(directory)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if (found := _SOUND.search(content)) is not None:
            yield f"{where}: sound in the clear, at byte {found.start()}"
        if not marks:
            return
        for match in re.finditer(rb'"utterance":"[0-9a-f]{32}","v":1|/utterance/[0-9a-f]{32}/', content):
            if match.group() in marks:
                yield f"{where}: still has {marks[match.group()]}, which was deleted, at byte {match.start()}"
