"""One row of the table of microphone faults: a fault begins, is found and shown, ends, and is over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from scripts.mic_faults_beds import MISSING, OVERRUN, WELL, Bed, NotSeen, alsa, twin

FAULTS = ("unplugged", "wedged", "silent", "constant", "humming", "clipped", "overrunning", OVERRUN, MISSING)
BEDS: dict[str, Callable[[Path, str], AbstractContextManager[Bed]]] = {"twin": twin, "ALSA": alsa}

FOUND_WITHIN_S = 5.0
WELL_WITHIN_S = 33.0
"""The longest pause between two tries, and what it takes to believe the microphone."""

_BEGINS_S, _ENDS_S = 4.0, 18.0
"""When on the bed's clock, so that the twin's runs are all the same whatever the network does meanwhile."""

_LOST_SAMPLES = 1_234
_PATIENCE_S = 10.0


class Cell(NamedTuple):
    """What a row says, and what was not as it must be."""

    found: str = ""
    light: str = ""
    status: str = ""
    ledger: str = ""
    tries: str = ""
    well: str = ""
    restarted: str = ""
    problems: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The row, without its problems."""
        return self[:-1]


COLUMNS = ("found after", "light", "status", "ledger", "tries", "well again after", "restarted")


def run(fault: str, where: str, directory: Path) -> Cell:
    """Play a fault in a place of its own."""
    with BEDS[where](directory, fault) as bed:
        return play(bed, fault)


def play(bed: Bed, fault: str) -> Cell:
    """Play a fault on a bed that was made for it."""
    try:
        return _overrun(bed) if fault == OVERRUN else _fault(bed, fault)
    except NotSeen as late:
        return Cell(problems=(str(late),))


def _fault(bed: Bed, fault: str) -> Cell:
    name = "unplugged" if fault == MISSING else fault
    if fault != MISSING:
        bed.wait(_BEGINS_S - bed.now_s)
        bed.befall(name)
    began_s = bed.now_s
    bed.until(lambda: _heard(bed) == name, f"{fault}: told", FOUND_WITHIN_S + 1)
    found_s = bed.now_s - began_s
    bed.until(lambda: bed.state().get("fault") == name, f"{fault}: its state", _PATIENCE_S)
    light, status = bed.light, bed.state()["fault"]
    bed.wait(_ENDS_S - bed.now_s)
    bed.befall(WELL)
    ended_s = bed.now_s
    bed.until(lambda: _heard(bed) == WELL, f"{fault}: well again", WELL_WITHIN_S)
    well_s = bed.now_s - ended_s
    bed.until(lambda: bed.state().get("fault") == "", f"{fault}: its state again", _PATIENCE_S)
    rows = [row.cause or "" for row in bed.ledger if row.kind == "microphone"]
    cell = Cell(
        found="at once" if fault == MISSING else f"{found_s:.2f} s",
        light=f"{light}, then {bed.light}",
        status=f"{status}, then {bed.state()['fault'] or WELL}",
        ledger=", ".join(rows),
        tries=str(bed.told("microphone")[-1]["tries"]),
        well=f"{well_s:.2f} s",
        restarted=_restarted(bed),
    )
    return cell._replace(problems=tuple(_wrong(cell, name, found_s)))


def _wrong(cell: Cell, name: str, found_s: float) -> list[str]:
    """What a fault must be: found in time, shown, said, written down, over, and all that in one run."""
    wanted = {
        "light": "error, then idle",
        "status": f"{name}, then {WELL}",
        "ledger": f"{name}, {WELL}",
        "restarted": "no",
    }
    wrong = [
        f"{key}: {getattr(cell, key)}; {must}" for key, must in wanted.items() if getattr(cell, key) != must
    ]
    if found_s > FOUND_WITHIN_S:
        wrong.append(f"found after {found_s:.2f} s")
    return wrong


def _overrun(bed: Bed) -> Cell:
    """Samples that are lost while somebody is listened to are no fault: it listens on, and marks the gap."""
    bed.wait(_BEGINS_S - bed.now_s)
    bed.press()
    bed.until(lambda: bed.told("trigger"), "overrun: a trigger", _PATIENCE_S)
    bed.wait(1.0)
    began_s = bed.now_s
    bed.overrun(_LOST_SAMPLES)
    bed.until(lambda: bed.told("overrun"), "overrun: told", FOUND_WITHIN_S + 1)
    found_s = bed.now_s - began_s
    light, status = bed.light, bed.state()["fault"] or WELL
    bed.wait(1.0)
    bed.release()
    bed.until(lambda: bed.told("utterance"), "overrun: the utterance", _PATIENCE_S)
    (ended,) = bed.told("utterance")
    rows = [row for row in bed.ledger if row.kind == "microphone"]
    cell = Cell(
        found=f"{found_s:.2f} s",
        light=f"{light}, as before",
        status=status,
        ledger=", ".join(row.cause or "" for row in rows) or "no row: the gap is in the envelope",
        tries="0",
        well="nothing to recover from",
        restarted=_restarted(bed),
    )
    problems = [
        *([f"found after {found_s:.2f} s"] if found_s > FOUND_WITHIN_S else []),
        *([f"the light showed {light}"] if light != "listening" else []),
        *(["it was called a fault"] if rows or status != WELL else []),
        *([f"the utterance ended: {ended['reason']}"] if ended["reason"] != "released" else []),
    ]
    return cell._replace(problems=tuple(problems))


def _heard(bed: Bed) -> str:
    """The fault that was told last."""
    told = bed.told("microphone")
    return str(told[-1]["fault"]) if told else WELL


def _restarted(bed: Bed) -> str:
    boots = sum(row.kind == "boot" for row in bed.ledger)
    return "no" if boots == 1 else f"{boots - 1} times"
