"""Controls about what is drawn, what is kept, and whether what was deleted is gone."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from cloud_stub.controls.evidence import Evidence
from cloud_stub.errors import StorageError
from cloud_stub.held import may_stay
from cloud_stub.review.sampler import is_drawn
from cloud_stub.wishes import at_that_time

GRACE = timedelta(days=1)
"""Chores are done once a minute; a machine may be off for a day."""

UNLIKELY = 4.5
"""Standard deviations: an honest draw is beyond them once in 290,000 audits."""

BLOCK_BYTES, OVERLAP_BYTES = 1 << 20, 100
"""Files are read so much at a time, and nothing that is looked for is longer than the overlap."""

_MARK = re.compile(rb'"utterance":"[0-9a-f]{32}","v":1|/utterance/[0-9a-f]{32}/')
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
    """Nothing is kept for longer than its owner wishes, or against what its device signed; nor what was cut
    short.
    """
    for whose, held in sorted(seen.held.items()):
        if held.state not in ("complete", "truncated") or held.header is None:
            continue
        if held.state == "truncated" and seen.now - held.news <= GRACE:
            continue  # its rest may still come
        wish = at_that_time(seen.wishes[whose.device], seen.now)
        if wish.is_over(held.begun, seen.now - GRACE):
            yield f"{whose}: kept since {held.begun:%Y-%m-%d}; its owner's wish is {wish.keep}"
        done = held.completed or held.begun
        if not may_stay(held.header) and seen.now - done > GRACE:
            yield f"{whose}: kept since {held.begun:%Y-%m-%d}; its device signed that it is not to be"


def deletions(seen: Evidence) -> Iterator[str]:
    """Of what was deleted no file has a header or a topic any more, and no database a piece; and no file has
    sound in the clear.

    Every byte of every file under the cloud's directory is searched: databases, their logs, the broker's
    store. A database elsewhere is asked, since its files are not at hand; of a bucket it is said what could
    not be removed yet.
    """
    yield from seen.left
    gone = [whose for whose, held in seen.held.items() if held.state == "forgotten"]
    marks = {
        mark: whose
        for whose in gone
        for mark in (
            f'"utterance":"{whose.utterance}","v":1'.encode(),  # of its header
            f"/utterance/{whose.utterance}/".encode(),  # of its topics
        )
    }
    for path in sorted(each for each in seen.directory.rglob("*") if each.is_file()):
        try:
            found = dict(_found(path, marks))
        except FileNotFoundError:
            continue  # a log, or a draft, of a cloud that runs
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}; audit as the user whose cloud it is") from error
        for at, what in sorted(found.items()):
            yield f"{path.relative_to(seen.directory)}: {what}, at byte {at}"


def _found(path: Path, marks: Mapping[bytes, object]) -> Iterator[tuple[int, str]]:
    """Where in a file there is what should not be; of what lies across two blocks twice the same."""
    with path.open("rb") as file:
        block, start = file.read(BLOCK_BYTES), 0
        while block:
            for match in _SOUND.finditer(block):
                yield start + match.start(), "sound in the clear"
            for match in _MARK.finditer(block):
                if match.group() in marks:
                    yield start + match.start(), f"still has {marks[match.group()]}, which was deleted"
            more = file.read(BLOCK_BYTES)
            start += max(0, len(block) - OVERLAP_BYTES)
            block = block[-OVERLAP_BYTES:] + more if more else b""
