"""What came of a search: `memory.json`, and what follows from it. What was found is written down as it was
found; the verdict follows from that alone, and whoever reads it comes to it again.

Ages are counted from the newest sample that the sound card had given when everything stood still.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from lab.canary.forms import FORMS, PCM, RATE_HZ, SOUND, Form

FILE = "memory.json"

FRAME_SAMPLES = 320
HEARD_SAMPLES = 2 * FRAME_SAMPLES
"""The frame that is being heard, and the one before: the front end's window of 30 ms reaches into it."""
RING_SAMPLES = 2_560
"""The audio driver's own buffer, as the firmware asks PortAudio for it: 160 ms."""
DRIVER_SAMPLES = FRAME_SAMPLES + 2 * RING_SAMPLES
"""The laboratory's card is ALSA's `file` plug-in: it lies in the memory of the process that hears, where a
real one lies in the kernel's, and copies its ring into a second of that length."""
PIPE_SAMPLES = 12 * FRAME_SAMPLES + HEARD_SAMPLES
"""Frames that may wait on their way to a firmware that is busy: docs/threat-model.md."""
LATE_SAMPLES = PIPE_SAMPLES + RING_SAMPLES
"""So late may the newest sample be that a program holds, when it was stopped: the machine may be busy. What
the driver reads ahead of the program that holds the card does not make that one less late."""

_DRIVERS_FORM = Form(SOUND, PCM, 6).name


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing more, and nothing less."""


class Piece(_Struct, frozen=True):
    """A piece of the canary: its form, its oldest sample, and how many samples of that form it has."""

    form: str
    first: int
    samples: int


class Place(_Struct, frozen=True):
    """A mapping at an address, or a thing that is open, or a file; how much was searched; what was found."""

    name: str
    address: int
    bytes: int
    found: tuple[Piece, ...]


class Process(_Struct, frozen=True):
    """One process. holds_card: whether it has the sound card open. places: those where something was."""

    pid: int
    command: str
    holds_card: bool
    swapped_kb: int
    bytes: int
    unchanged_bytes: int
    """Of pages that are as they were before the canary sounded, and so were not searched."""
    places: tuple[Place, ...]


class Look(_Struct, frozen=True):
    """One moment at which all stood still. given: samples that the card had given. open: pipes, sockets and
    files. unseen: what is open and cannot be looked into.
    """

    given: int
    processes: tuple[Process, ...]
    open: tuple[Place, ...]
    unseen: tuple[str, ...]


class Memory(_Struct, frozen=True):
    """memory.json. bound_samples: how old the oldest sample was that any process held, and what
    holds_card_bound_samples was in the one with the card. kept: whether all was within its limits.
    """

    v: int
    seed: int
    rate: int
    channels: int
    played_samples: int
    forms: tuple[str, ...]
    frame_samples: int
    heard_samples: int
    driver_samples: int
    looks: tuple[Look, ...]
    files: tuple[Place, ...]
    bound_samples: int
    holds_card_bound_samples: int
    kept: bool


class Fault(NamedTuple):
    """Sound that is older than it may be."""

    what: str
    where: str


def faults(looks: tuple[Look, ...], files: tuple[Place, ...]) -> Iterator[Fault]:
    """Yield whatever is beyond its limit."""
    for look in looks:
        for process in look.processes:
            yield from _too_old(look, process)
        for place in look.open:
            yield from _left_open(look, place)
    for place in files:
        if place.found:
            yield Fault(f"{_ms(place.found[0].samples)} of the canary are in a file", place.name)


def bound(looks: tuple[Look, ...], *, with_card: bool) -> int:
    """The age in samples of the oldest piece that a process held which has the card, or which has not."""
    return max(
        (
            look.given - piece.first
            for look in looks
            for process in look.processes
            if process.holds_card is with_card
            for place in process.places
            for piece in place.found
        ),
        default=0,
    )


def _too_old(look: Look, process: Process) -> Iterator[Fault]:
    pieces = [piece for place in process.places for piece in place.found if not _is_drivers(process, piece)]
    newest = max(map(_end, pieces), default=look.given)
    late = min(max(0, look.given - newest), LATE_SAMPLES)
    for place in process.places:
        for piece in place.found:
            limit = late + (DRIVER_SAMPLES if _is_drivers(process, piece) else HEARD_SAMPLES)
            age = look.given - piece.first
            if age > limit:
                what = (
                    f"{_ms(piece.samples)} of {piece.form} were {_ms(age)} old, of {_ms(limit)} that may be"
                )
                yield Fault(what, f"process {process.pid}, {place.name} at {place.address:#x}")


def _is_drivers(process: Process, piece: Piece) -> bool:
    """Whether it may lie in the driver's ring: that runs ahead of a program which is late to take it out."""
    return process.holds_card and piece.form == _DRIVERS_FORM


def _left_open(look: Look, place: Place) -> Iterator[Fault]:
    limit = PIPE_SAMPLES if place.name.startswith("pipe:") else 0
    for piece in place.found:
        age = look.given - piece.first
        if age > limit:
            yield Fault(f"{_ms(piece.samples)} of {piece.form} lay there, {_ms(age)} old", place.name)


def _end(piece: Piece) -> int:
    """The sample after its last; a form of another rate has more samples for it, or fewer."""
    made = next(form.made for form in FORMS if form.name == piece.form)
    return piece.first + round(piece.samples / made.rate)


def _ms(samples: int) -> str:
    return f"{samples * 1000 / RATE_HZ:.1f} ms"


def names() -> tuple[str, ...]:
    """Every form that is looked for."""
    return tuple(form.name for form in FORMS)
