"""One look at everything that the firmware holds, while all of it stands still; and the search of what was
seen, later.
"""

import hashlib
import os
import time
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab.canary import memory
from lab.canary.card import Card
from lab.canary.held import open_things
from lab.canary.memory import Piece as Held
from lab.canary.processes import command, frozen, has_open, swapped_kb
from lab.canary.record import Look, Piece, Place, Process
from lab.canary.search import Sought, plain

_BETWEEN = bytes(64)
_PAGE = os.sysconf("SC_PAGE_SIZE")

Pages = dict[tuple[int, int], bytes]
"""A digest of each page of each process: by process and address."""


class Seen(NamedTuple):
    """What one process held. bytes, unchanged: how much was read, and how much of it was as before."""

    pid: int
    command: str
    holds_card: bool
    swapped_kb: int
    bytes: int
    unchanged: int
    held: list[Held]


class Moment(NamedTuple):
    """What all of them held at one moment, and how long they stood still for it."""

    given: int
    processes: list[Seen]
    open: list[Held]
    unseen: list[str]
    stood_s: float


def before(card: Card, others: set[int]) -> Pages:
    """Every page as it is before the canary sounds: while a page is the same, none of it can be there."""
    with card.still, frozen(others) as pids:
        return {
            (pid, at): _digest(page)
            for pid in pids
            for held in memory.pieces(pid)
            for at, page in _pages(held)
        }  # fmt: skip


def look(card: Card, others: set[int], pages: Pages) -> Moment:
    """Look at everything. `others`: processes that are none of the firmware's."""
    began = time.monotonic()
    with card.still, frozen(others) as pids:
        processes = [_seen(pid, card.pipe, pages) for pid in pids]
        opened, unseen = open_things(pids, card.pipe)
        return Moment(card.given, processes, opened, unseen, time.monotonic() - began)


def searched(moment: Moment, sought: Sought) -> Look:
    """The same, searched."""
    processes = [
        Process(
            seen.pid, seen.command, seen.holds_card, seen.swapped_kb, seen.bytes, seen.unchanged,
            tuple(place for place in places(seen.held, sought) if place.found),
        )
        for seen in moment.processes
    ]  # fmt: skip
    return Look(moment.given, tuple(processes), places(moment.open, sought), tuple(moment.unseen))


def places(held: list[Held], sought: Sought) -> tuple[Place, ...]:
    """What is in each of some places, the oldest first. They are searched in one go, beside each other."""
    starts: list[int] = []
    data = bytearray()
    for each in held:
        starts.append(len(data))
        data += each.data + _BETWEEN
    found: list[list[Piece]] = [[] for _ in held]
    for piece in sorted(plain(sought.within(data)), key=lambda piece: piece.first):
        nth = bisect_right(starts, piece.offset) - 1
        found[nth].append(Piece(piece.form, piece.first, piece.samples))
    return tuple(
        Place(each.name, each.address, len(each.data), tuple(pieces))
        for each, pieces in zip(held, found, strict=True)
    )


def _seen(pid: int, pipe: Path, pages: Pages) -> Seen:
    held = list(memory.pieces(pid))
    changed = [each for piece in held for each in _changed(pid, piece, pages)]
    size = sum(len(piece.data) for piece in held)
    unchanged = size - sum(len(piece.data) for piece in changed)
    return Seen(pid, command(pid), has_open(pid, pipe), swapped_kb(pid), size, unchanged, changed)


def _changed(pid: int, held: Held, pages: Pages) -> Iterator[Held]:
    """The runs of pages that are not as they were."""
    run, began = b"", 0
    for at, page in _pages(held):
        if pages.get((pid, at)) == _digest(page):
            if run:
                yield Held(held.name, began, run)
            run = b""
        else:
            began = began if run else at
            run += page
    if run:
        yield Held(held.name, began, run)


def _pages(held: Held) -> Iterator[tuple[int, bytes]]:
    for offset in range(0, len(held.data), _PAGE):
        yield held.address + offset, held.data[offset : offset + _PAGE]


def _digest(page: bytes) -> bytes:
    return hashlib.blake2b(page, digest_size=16).digest()
