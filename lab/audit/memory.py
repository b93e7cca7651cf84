"""What the memory of the running firmware held of a canary: `memory.json`, of `overheard-lab canary`.

What was found is believed, and nothing that follows from it: bounds and verdict are come to again.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence
from lab.audit.verdicts import Check, Finding
from lab.canary import record
from lab.canary.record import Look, Memory, Place

_SEARCH = "a search of the running firmware's memory: memory.json, of `overheard-lab canary --out` the folder"


def _canary(evidence: Evidence) -> Iterator[Finding]:
    path = evidence.path(record.FILE, _SEARCH)
    made = _read(path)
    _fits(made, path)
    found = list(record.faults(made.looks, made.files))
    if made.kept is bool(found):
        raise Damaged(path.name, "its verdict is not what follows from what was found")
    yield from (Finding(fault.what, f"{path.name}: {fault.where}") for fault in found)
    _saw_enough(made)


def _read(path: Path) -> Memory:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(path.name, f"not what a search writes ({error})") from error


def _fits(made: Memory, path: Path) -> None:
    """Whether it can have been written by a search: else nothing of it is believed. Raises Damaged."""
    limits = (made.frame_samples, made.heard_samples, made.driver_samples)
    ours = (record.FRAME_SAMPLES, record.HEARD_SAMPLES, record.DRIVER_SAMPLES)
    if (made.v, made.rate) != (1, 16_000) or limits != ours:
        raise Damaged(path.name, "of another version, or with other limits; search again")
    bounds = record.bound(made.looks, with_card=False), record.bound(made.looks, with_card=True)
    if bounds != (made.bound_samples, made.holds_card_bound_samples):
        raise Damaged(path.name, "its bounds are not what follows from what was found")
    given = [look.given for look in made.looks]
    if not given or given[-1] != made.played_samples or any(a >= b for a, b in pairwise([0, *given])):
        raise Damaged(path.name, "its looks are not one after the other, until the canary was over")
    if not all(_possible(look) for look in made.looks) or not all(
        _sound(place, made.played_samples + made.rate) for place in made.files
    ):
        raise Damaged(path.name, "something in it was not searched, or not played when it was found")


def _possible(look: Look) -> bool:
    places = [*look.open, *(place for process in look.processes for place in process.places)]
    read = all(0 <= each.unchanged_bytes < each.bytes or not each.places for each in look.processes)
    return read and all(_sound(place, look.given) for place in places)


def _sound(place: Place, given: int) -> bool:
    """Whether what was found there had sounded, and fits into it."""
    return all(
        piece.form in record.names() and 0 <= piece.first < given and 0 < piece.samples <= place.bytes
        for piece in place.found
    )


def _saw_enough(made: Memory) -> None:
    """Raises NotGiven where sound may have been that nobody looked for."""
    if set(record.names()) - set(made.forms):
        raise NotGiven("a search of the memory in every form that this release knows")
    for look in made.looks:
        if {process.holds_card for process in look.processes} != {True, False}:
            raise NotGiven("a search of the memory of the firmware, and of its process that hears")
        if not all(_sees(look, with_card=each) for each in (True, False)):
            raise NotGiven("a search that sees at least the sound that is being heard; search again")
        if look.unseen:
            raise NotGiven(f"a look into {look.unseen[0]}, which the firmware had open; search as root")
    if not any(place.name.endswith("egress.db") and place.bytes for place in made.files):
        raise NotGiven("a search of the files that the firmware wrote, its outbox among them")


def _sees(look: Look, *, with_card: bool) -> bool:
    return any(
        place.found
        for process in look.processes
        if process.holds_card is with_card
        for place in process.places
    )


_SHOWS = (
    "of a sound that was once played to the idle firmware its processes held nothing but the frame "
    "that is heard, and the driver's ring; none of it was in a file, a pipe or a socket"
)

CHECKS = (
    Check("memory.canary", 4, _SHOWS, _canary),
    Check("memory.idle", 1, _SHOWS, _canary),
)
