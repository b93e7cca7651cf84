"""The experiment, from a folder of audio to the paper's table with its evidence: read this first.

What is to be played is written down before anything is. Then session after session is played and audited, and
what came of it written down; the same command again goes on after the last. At the end everything else is
written anew from that. Nothing is written into the folder of the audio.
"""

import fcntl
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from device.wakeword import Sensitivity
from lab.canary import run as canary
from lab.canary.record import FILE as MEMORY
from lab.enclosure.errors import EnclosureError
from lab.enclosure.privilege import missing as no_cable
from lab.experiment import page, table
from lab.experiment.crew import play_all
from lab.experiment.machine import machine, overheard
from lab.experiment.plan import plan
from lab.experiment.records import Experiment, Made, Plan
from lab.experiment.session import Stage
from lab.study.errors import StudyError
from lab.study.identity import identify

PLAN, FILE, TABLE, PAGE, SESSIONS = "plan.json", "experiment.json", "table.md", "experiment.html", "sessions"
INTERRUPTED = 130
_CANARY = canary.Wish(seed=2019, seconds=5)


class Wish(NamedTuple):
    """What somebody asks for. hours: of audio, all of it if None. jobs: how many sessions at a time."""

    audio: Path
    out: Path
    seed: int = 0
    hours: float | None = None
    word: str = "alexa"
    sensitivity: Sensitivity = "balanced"
    jobs: int = 1

    @property
    def command(self) -> str:
        """The command that asks for the same."""
        hours = [] if self.hours is None else ["--hours", f"{self.hours:g}"]
        words = [str(self.audio), "--out", str(self.out), "--seed", str(self.seed), *hours]
        words += ["--word", self.word, "--sensitivity", self.sensitivity]
        return shlex.join(["scripts/experiment", *words])


def run(wish: Wish, console: Console) -> int:
    """Do the experiment, or go on with it; return the exit code.

    0: no audit found anything, and all that left is in the ledger; 1: else; 130: interrupted.

    Raises:
        LabError: the audio, the folder or this machine cannot be used. And the errors of what it runs.
    """
    if (why := no_cable()) is not None:
        raise EnclosureError(why)
    made = _made(wish)
    with _alone(wish.out):
        planned = _planned(wish, made)
        for line in planned.broken:
            console.print(f"left out: {line}", markup=False, highlight=False, soft_wrap=True)
        no_memory = _searched(wish.out, console)
        stage = Stage(wish.out / SESSIONS, made, None if no_memory else wish.out / MEMORY)
        stage.sessions.mkdir(exist_ok=True)
        outcomes, whole = play_all(stage, planned.sessions, wish.jobs, console)
        experiment = Experiment(planned, wish.command, machine(made), no_memory, tuple(outcomes))
        _write(wish.out, experiment)
    show(experiment, console)
    console.print(f"report: {wish.out / PAGE}", markup=False, highlight=False, soft_wrap=True)
    if not whole:
        return INTERRUPTED
    return 0 if experiment.clean else 1


def show(experiment: Experiment, console: Console) -> None:
    """Print the table and the verdict."""
    shown = Table(title=f"Misactivations of “{experiment.plan.made.word}”", title_justify="left")
    for number, heading in enumerate(table.HEADINGS):
        shown.add_column(heading, justify="right" if number else "left")
    for row in table.rows(experiment):
        shown.add_row(*(cell.replace("[", "\\[") for cell in row.cells()))
    console.print(shown, highlight=False)
    console.print(table.verdict(experiment), markup=False, highlight=False, soft_wrap=True)
    for outcome in experiment.outcomes:
        for found in outcome.findings:
            line = f"session {outcome.number}: {found}"
            console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def _made(wish: Wish) -> Made:
    if wish.out.resolve().is_relative_to(wish.audio.resolve()):
        raise StudyError(
            f"{wish.out}: inside the folder of the audio, where nothing is written; name another"
        )
    ears = identify((wish.word,), wish.sensitivity)
    audio, word = str(wish.audio.resolve()), ears.words[0]
    return Made(audio, wish.seed, wish.hours, word, wish.sensitivity, overheard(), ears.models)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Make the folder, or take one that an experiment made; nobody else does while this lasts."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / PLAN).exists() and any(out.iterdir()):
        raise StudyError(f"{out}: not empty, and no experiment; name a new folder")
    with (out / PLAN).open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyError(f"{out}: in use by another experiment; wait, or name a new folder") from error
        yield


def _planned(wish: Wish, made: Made) -> Plan:
    """Return what this folder was begun with; plan it, and write it down, where nothing was yet."""
    path = wish.out / PLAN
    if not (text := path.read_bytes()):
        planned = plan(wish.audio, made)
        path.write_bytes(_json(planned))  # not renamed: the lock is on this very file
        return planned
    try:
        earlier = msgspec.json.decode(text, type=Plan)
    except msgspec.DecodeError as error:
        raise StudyError(f"{path}: {error}; name a new folder") from error
    for name in Made.__struct_fields__:
        before, now = getattr(earlier.made, name), getattr(made, name)
        if before != now:
            raise StudyError(f"{wish.out}: begun with other {name} ({before}, now {now}); name a new folder")
    return earlier


def _searched(out: Path, console: Console) -> str:
    """Search the memory of a speaker that hears, once; return why not, or nothing if it is done."""
    if (out / MEMORY).exists():
        return ""
    if (why := canary.missing()) is not None:
        return why
    console.print("a canary sings to the speaker, and its memory is searched", highlight=False)
    canary.run(out, _CANARY, Console(quiet=True))
    return ""


def _write(out: Path, experiment: Experiment) -> None:
    (out / FILE).write_bytes(_json(experiment))
    (out / TABLE).write_text(table.markdown(experiment), encoding="utf-8")
    (out / PAGE).write_text(page.page(experiment), encoding="utf-8")


def _json(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
