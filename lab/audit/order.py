"""Whether what the ledger says of itself is possible, and whether all that began came to an end (promise 5).

The rows are the device's word. Word that contradicts itself is worth a finding; word that does not is only
as good as the other layers that it agrees with.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from device.ledger import Row
from lab.audit.copies import copied
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence
from lab.audit.verdicts import Check, Finding

OUTBOX = "egress.db"
_AT_ONCE = frozenset({"trigger", "refused", "muted", "microphone", "protections"})
_SECOND = 16_000


class _Told:
    """What the rows so far have said of one utterance."""

    def __init__(self) -> None:
        self.triggered = self.begun = self.ended = self.dropped = False
        self.segments = 0  # so many, from 0 on without a gap
        self.next_sample: int | None = None


def _order(evidence: Evidence) -> Iterator[Finding]:
    """An utterance's rows come in the order in which things can happen, and one at a time."""
    told: dict[str, _Told] = {}
    under_way = ""
    for row in evidence.rows:
        if row.utterance is None:
            continue
        where, about = f"ledger row {row.index}", told.setdefault(row.utterance, _Told())
        if row.kind == "begin" and not about.begun:
            before = told.get(under_way)
            if before is not None and not (before.ended or before.dropped):
                yield Finding(f"utterance {row.utterance} begins, and {under_way} has not ended", where)
            under_way = row.utterance
        yield from (Finding(fault, where) for fault in _step(about, row))


def _clock(evidence: Evidence) -> Iterator[Finding]:
    """In one boot samples do not run backwards: those of triggers not at all, others by a second at most."""
    triggered = noted = 0
    for row in evidence.rows:
        at, where = row.first_sample, f"ledger row {row.index}"
        if row.kind == "boot":
            triggered = noted = 0
        elif row.kind == "trigger" and at is not None:
            if at < triggered:
                yield Finding("a trigger earlier than the one before it", where)
            triggered = at
        if row.kind in _AT_ONCE and at is not None:
            if at + _SECOND < noted:
                yield Finding(
                    f"{row.kind} at a sample more than a second before what is noted above it", where
                )
            noted = max(noted, at)


def _step(about: _Told, row: Row) -> Iterator[str]:
    """Trigger (or sealed anew), begin, segments by index, end: each comes after what is before it."""
    name = row.utterance
    if row.kind in ("trigger", "resealed"):
        if about.triggered:
            yield f"a second trigger of utterance {name}"
        about.triggered = True
        about.next_sample = row.first_sample
    elif row.kind in ("begin", "segment", "end") and not about.triggered:
        yield f"{row.kind} of utterance {name}, which nothing triggered"
    elif row.kind in ("segment", "end") and not about.begun:
        yield f"{row.kind} of utterance {name} before its begin"
    about.begun |= row.kind == "begin"
    about.ended |= row.kind == "end"
    about.dropped |= row.kind in ("dropped", "rejected_wake")
    if row.kind == "segment":
        yield from _segment(about, row)


def _segment(about: _Told, row: Row) -> Iterator[str]:
    """The first time that each leaves they are in order, and their samples follow each other."""
    index = row.segment if row.segment is not None else -1
    if not 0 <= index <= about.segments:
        yield f"segment {index} of utterance {row.utterance} before the one before it"
    elif index == about.segments:
        about.segments += 1
        if row.first_sample is None or row.samples is None or row.first_sample != about.next_sample:
            yield f"segment {index} of utterance {row.utterance} does not go on where the one before it ended"
        about.next_sample = (row.first_sample or 0) + (row.samples or 0)


def _chains(evidence: Evidence) -> Iterator[Finding]:
    """What was sealed anew took the place of something that was triggered before, and was dropped next."""
    rows = evidence.rows
    known = {row.utterance for row in rows if row.kind == "trigger"}
    for row, after in zip(rows, [*rows[1:], None], strict=False):
        if row.kind != "resealed":
            continue
        where = f"ledger row {row.index}"
        if row.cause not in known:
            yield Finding(f"utterance {row.utterance} takes the place of one that nothing triggered", where)
        known.add(row.utterance)
        gone = after is not None and (after.kind, after.utterance, after.cause)
        if gone != ("dropped", row.cause, "resealed"):
            yield Finding(f"utterance {row.utterance} was sealed anew, and {row.cause} not dropped", where)


def _possible(evidence: Evidence) -> Iterator[Finding]:
    yield from _order(evidence)
    yield from _clock(evidence)
    yield from _chains(evidence)


def _complete(evidence: Evidence) -> Iterator[Finding]:
    """Every utterance that was triggered left to its end, stayed for a reason, or still waits."""
    left: dict[str | None, Row] = {}
    for row in evidence.rows:
        if row.kind in ("trigger", "resealed"):
            left[row.utterance] = row
        elif row.kind in ("end", "dropped", "rejected_wake"):
            left.pop(row.utterance, None)
    if not left:
        return
    if any(row.kind == "dropped" and row.utterance is None for row in evidence.rows):
        raise NotGiven("rows that were lost while the device's disk was full: nobody has them")
    path = evidence.path(OUTBOX, f"what still waits on the device: {OUTBOX} of the run")
    waits = _waiting(path)
    for name, row in left.items():
        if name not in waits:
            yield Finding(
                f"utterance {name} was triggered, and nothing says what became of it",
                f"ledger row {row.index}",
            )


def _waiting(path: Path) -> set[str]:
    """The utterances of which the outbox still has messages. Raises Damaged."""
    try:
        with copied(path) as copy, closing(sqlite3.connect(copy)) as sql:
            return {str(name) for (name,) in sql.execute("SELECT DISTINCT utterance FROM message")}
    except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
        raise Damaged(path.name, f"not the outbox of a device ({error})") from error


CHECKS = (
    Check("ledger.order", 5, "the rows are in an order in which things can happen", _possible),
    Check(
        "ledger.complete", 5, "of every utterance that was triggered it is said what became of it", _complete
    ),
)
