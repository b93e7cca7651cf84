"""One cell of the table: a fault hits a speaker in a phase, ends, and an honest question comes after it.

The outcome is told in words; what must never be so is a problem. It compares what the broker's door saw, the
ledger and the vault, as `torture_check` does for kills.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from lab.kit.errors import NotSeen
from scripts.faults_kinds import FAULTS, Fault, small_disk
from scripts.faults_phases import OFFLINE, PHASES
from scripts.faults_stage import Stage
from scripts.torture_check import COMPLETE, NOTHING_KEPT, NOWHERE, TRUNCATED, check

_GOES_ON_S = 2.0
"""So long a fault lasts, in the time of the home."""

_RECOVERS_S = 600.0

ASIDE = "set aside, unchanged, with its row"

_WORDS = {
    COMPLETE: "complete",
    TRUNCATED: "cut short; what came before is kept, with a row",
    NOTHING_KEPT: "nothing was kept yet",
}

NEEDS_ROOT = "a small disk can be mounted by root alone"


class Cell(NamedTuple):
    """What came of a fault in a phase: in words, and what must not be."""

    outcome: str
    problems: list[str]


def run(fault: str, phase: str, directory: Path) -> Cell:
    """Play one cell of the table in `directory`."""
    reason = FAULTS[fault].means_nothing.get(phase)
    if reason is not None:
        return Cell(f"not applicable: {reason}", [])
    undo = small_disk(directory / "speaker" / "state") if fault == "disk full" else lambda: None
    if undo is None:
        return Cell(f"not tried: {NEEDS_ROOT}", [])
    try:
        return play(FAULTS[fault], phase, directory)
    finally:
        undo()


def play(fault: Fault, phase: str, directory: Path) -> Cell:
    """Bring a speaker into the phase, let the fault happen, recover, and check."""
    with Stage(directory) as stage:
        try:
            said, why, problems = _perform(stage, fault, phase)
        except NotSeen as error:
            return Cell("stuck", [str(error)])
    verdict = check(stage.state, stage.vault, stage.seen())
    problems += [each for each in verdict.problems if each.partition(":")[0] not in stage.before]
    told = [
        *(["stays muted"] if phase == "muted" else []),
        *_fates(stage, said, verdict.by_name),
        *([ASIDE] if stage.damaged else []),
        *([f"refused aloud ({', '.join(why)})"] if why else []),
    ]
    return Cell("; ".join(dict.fromkeys(told)), problems)


def _perform(stage: Stage, fault: Fault, phase: str) -> tuple[list[str], list[str], list[str]]:
    """Return what was said before and during the fault, why something was refused, and what is not true."""
    PHASES[phase](stage)
    refused = len(stage.speaker.said("refused"))
    fault.begin(stage)
    stage.home.quiet(_GOES_ON_S)
    if phase in ("connecting", "idle"):
        stage.ask()  # while it lasts
        stage.home.quiet(_GOES_ON_S)
    problems = _mute_holds(stage, phase)
    said = [*stage.before, *stage.triggers()]
    fault.end(stage)
    if phase == OFFLINE:
        stage.broker.up()
    problems += [*_recover(stage, phase), *_evidence_kept(stage)]
    why = dict.fromkeys(str(each["why"]) for each in stage.speaker.said("refused")[refused:])
    return said, list(why), problems


def _mute_holds(stage: Stage, phase: str) -> list[str]:
    muted = stage.speaker.phase == "muted"
    return [] if muted == (phase == "muted") else [f"it is {stage.speaker.phase}, and no hand did that"]


def _fates(stage: Stage, subjects: Iterable[str], by_name: Mapping[str, str]) -> Iterator[str]:
    for name in subjects:
        fate = by_name.get(name, ASIDE if name in stage.before else NOWHERE)
        yield _WORDS.get(fate, fate)


def _evidence_kept(stage: Stage) -> list[str]:
    kept = {sha256(path.read_bytes()).hexdigest() for path in stage.state.glob("egress.db.damaged-*")}
    named = any(row.kind == "set_aside" for row in stage.speaker.ledger)
    if not stage.damaged or (stage.damaged in kept and named):
        return []
    return ["the damaged file was not kept as it was, or has no row"]


def _recover(stage: Stage, phase: str) -> list[str]:
    """Let it come back, and ask an honest question; return what does not work any more. Raises NotSeen."""
    home = stage.home
    home.until("online", _RECOVERS_S)
    if phase == "muted":
        stage.speaker.unmute()
    home.until("idle", _RECOVERS_S)
    home.until(lambda: not stage.speaker.waiting, _RECOVERS_S)
    stage.ask()
    home.until("idle", _RECOVERS_S)
    home.until("acknowledged", _RECOVERS_S)
    last = stage.triggers()[-1]
    states = {heard.id: heard.state for heard in stage.cloud.utterances()}
    whole = states.get(last) == "complete"
    return [] if whole else [f"the question after it is {states.get(last, 'nowhere')}"]
