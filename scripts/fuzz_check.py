"""What must be true of a speaker that was shouted at: nothing started a recording, nothing unmuted it, and
nothing turned it up.

It reads what the speaker said of itself, what its board counted, and its ledger. It mends nothing.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from device.ledger import parse_row

QUIET_PHASES = frozenset({"idle", "muted"})
QUIET_LIGHTS = frozenset({"idle", "offline", "muted", "muted_soft"})
QUIET_ROWS = frozenset({"boot", "connect", "status", "checkpoint", "state", "discovery", "request", "muted"})

GROWTH_KIB = 24 * 1024
"""The speaker's memory may be so much larger at the end than after the first tenth: the 8 MiB that may wait
for the loop, twice the largest message while one is read, and what the allocator keeps.
"""

Event = dict[str, Any]


def kept_quiet(events: Iterable[Event]) -> Iterator[str]:
    """Yield what should not have happened: at most ten of them."""
    yield from dict.fromkeys(_faults(list(events)))


def ledger_is_quiet(state: Path) -> Iterator[str]:
    """Yield the kinds of row that say more than that it was there, connected and muted."""
    path = (state / "egress.db").absolute()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        kinds = Counter(parse_row(row).kind for (row,) in db.execute("SELECT row FROM ledger"))
    yield from (f"the ledger has {kinds[kind]} rows of {kind}" for kind in kinds.keys() - QUIET_ROWS)


def memory_held(first_kib: int, last_kib: int) -> Iterator[str]:
    """Yield that it grew, if it did."""
    if last_kib - first_kib > GROWTH_KIB:
        yield f"memory grew from {first_kib} to {last_kib} KiB, by more than {GROWTH_KIB}"


def _faults(events: list[Event]) -> Iterator[str]:
    muted_with: int | None = None
    may_unmute = False
    volume = 1.0
    for event in events:
        yield from _loud(event)
        if event["volume"] > volume:
            yield f"the volume rose from {volume} to {event['volume']}"
        volume = event["volume"]
        if event["event"] == "hand":
            may_unmute = event["do"] == "unmute"
        if muted_with is not None and not may_unmute and event["frames"] != muted_with:
            yield "a frame was read while muted"
        if event["event"] == "phase":
            if muted_with is not None and not may_unmute:
                yield f"no hand unmuted it, and it is {event['phase']}"
            may_unmute = may_unmute and event["phase"] == "muted"  # a hand unmutes once
            muted_with = event["frames"] if event["phase"] == "muted" else None


def _loud(event: Event) -> Iterator[str]:
    """What shows a recording in one event."""
    match event["event"]:
        case "phase" if event["phase"] not in QUIET_PHASES:
            yield f"the phase was {event['phase']}"
        case "light" if event["cue"] not in QUIET_LIGHTS:
            yield f"the light showed {event['cue']}"
        case "publish" if event["what"] not in QUIET_ROWS:
            yield f"it published a message of kind {event['what']}"
        case "trigger" | "utterance" | "answer" | "rejected" as kind:
            yield f"it told of: {kind}"
