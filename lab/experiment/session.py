"""One session: the firmware alone with one captured cable in a room that sounds, audited when it is over."""

import io
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
from rich.console import Console

from lab.audit import run as auditor
from lab.audit.evidence import Evidence, Given
from lab.audit.verdicts import State
from lab.audit.written import FILE as VERDICT
from lab.audit.written import PromiseJson, VerdictJson
from lab.canary.record import FILE as MEMORY
from lab.experiment import count, scene
from lab.experiment.records import Made, Outcome, Session
from lab.scenario import read
from lab.simulate import Around, simulate


class Stage(NamedTuple):
    """Where sessions are played. memory: what the search of the speaker's memory found, if there was one."""

    sessions: Path
    made: Made
    memory: Path | None

    def folder(self, session: Session) -> Path:
        """The folder of a session's evidence."""
        return self.sessions / session.name

    def record(self, session: Session) -> Path:
        """The file that says what came of a session; it is there when all else is."""
        return self.sessions / f"{session.name}.json"


def done(stage: Stage, session: Session) -> Outcome | None:
    """Return what came of a session that was played; None if it is to be played yet."""
    try:
        if (stage.folder(session) / VERDICT).is_file():
            return msgspec.json.decode(stage.record(session).read_bytes(), type=Outcome)
    except (FileNotFoundError, msgspec.DecodeError):
        pass
    return None


def play(stage: Stage, session: Session) -> Outcome:
    """Play a session and audit it; what an interrupted one left goes away first.

    Raises:
        LabError, DeviceError, HardwareError, CloudError, OSError: something that it needs cannot be used.
    """
    folder, scenario = stage.folder(session), stage.sessions / f"{session.name}.toml"
    stage.record(session).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    scene.write(scenario, session, stage.made)
    simulate(read(scenario), folder, around=Around(captured=True))
    if stage.memory is not None:
        shutil.copyfile(stage.memory, folder / MEMORY)
    outcome = _audited(folder, session)
    new = stage.record(session).with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)) + b"\n")
    os.replace(new, stage.record(session))
    return outcome


def _audited(folder: Path, session: Session) -> Outcome:
    given = Given(folder)
    auditor.run(given, None, Console(file=io.StringIO()))
    promises = msgspec.json.decode((folder / VERDICT).read_bytes(), type=VerdictJson).promises
    evidence = Evidence(given)
    return Outcome(
        session.number,
        {str(each.promise): cast(State, each.state) for each in promises},
        tuple(_findings(promises)),
        tuple(_needs(promises)),
        count.wire_bytes(evidence),
        tuple(count.misactivations(evidence, session)),
        tuple(count.rejected(evidence, session)),
    )


def _findings(promises: Iterable[PromiseJson]) -> Iterator[str]:
    for promise in promises:
        for check in promise.checks:
            for found in check.findings:
                yield f"promise {promise.promise}: {found.what} ({found.where}; {check.name})"


def _needs(promises: Iterable[PromiseJson]) -> Iterator[str]:
    for promise in promises:
        for need in dict.fromkeys(check.needs for check in promise.checks if check.needs):
            yield f"promise {promise.promise} would need {need}"
