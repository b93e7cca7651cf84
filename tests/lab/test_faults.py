"""A part of the table in docs/faults.md, played: each fault in one phase, and each phase.
`scripts/faults` plays all of it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_stub.broker import find_mosquitto
from scripts import faults_page
from scripts.faults_cells import NEEDS_ROOT, Cell, play, run
from scripts.faults_kinds import FAULTS, Fault
from scripts.faults_phases import OFFLINE, PHASES
from scripts.faults_stage import Stage

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")

CELLS = [
    ("broker killed", "responding"),
    ("line cut now", "verifying"),
    ("line cut between two messages", "listening"),
    ("line cut within a message", "listening"),
    ("broker refuses: not authorized", "connecting"),
    ("broker says nothing any more", "processing"),
    ("broker confirms nothing", "idle"),
    ("every message twice more", "processing"),
    ("messages change places", OFFLINE),
    ("everything 300 ms late", "responding"),
    ("broker forgets everything", "listening"),
    ("cloud away", "listening"),
    ("cloud restarted", "processing"),
    ("device killed and started", "listening"),
    ("device killed and started", "muted"),
    ("device stopped and started", "verifying"),
    ("disk full", "idle"),
    ("clock three years ahead", "connecting"),
    ("clock three years back", OFFLINE),
    ("outbox damaged, power cut", "responding"),
    ("keys note lost, power cut", "verifying"),
    ("keys note expired", "idle"),
]
"""Each fault where it has most to break, and each phase."""


@needs_mosquitto
@pytest.mark.parametrize(("fault", "phase"), CELLS, ids=[", ".join(cell) for cell in CELLS])
def test_what_becomes_of_what_was_said_is_what_the_page_says(tmp_path: Path, fault: str, phase: str) -> None:
    cell = run(fault, phase, tmp_path / "cell")
    if NEEDS_ROOT in cell.outcome:
        pytest.skip(NEEDS_ROOT)
    assert cell == Cell(faults_page.read()[fault, phase], [])


def test_every_fault_and_every_phase_is_played_and_stands_on_the_page() -> None:
    assert {fault for fault, _ in CELLS} == set(FAULTS)
    assert {phase for _, phase in CELLS} == set(PHASES)
    assert set(faults_page.read()) == {(fault, phase) for fault in FAULTS for phase in PHASES}


# -- the check can fail ------------------------------------------------------------------------------


def lose_the_messages(stage: Stage) -> None:
    """Somebody deletes what waits."""
    outbox = stage.speaker._firmware.parts.outbox
    for name in {waiting.utterance for waiting in outbox.waiting()}:
        outbox.forget(name)
    stage.speaker.restart()


def unmute(stage: Stage) -> None:
    stage.speaker.unmute()


def empty_the_vault(stage: Stage) -> None:
    for held in stage.cloud._cloud.vault.utterances():
        stage.cloud._cloud.vault.forget(held.whose, "nobody", "a test", datetime.now(UTC))


@needs_mosquitto
@pytest.mark.parametrize(
    ("sabotage", "phase", "says"),
    [
        (lose_the_messages, "offline, outbox full", "nowhere, and not acknowledged"),
        (unmute, "muted", "no hand did that"),
        (empty_the_vault, "responding", "in the vault"),
    ],
    ids=["a loss", "unmuted", "gone from the vault"],
)
def test_a_cell_in_which_something_is_lost_is_seen(
    tmp_path: Path, sabotage: Callable[[Stage], None], phase: str, says: str
) -> None:
    problems = play(Fault(sabotage), phase, tmp_path / "cell").problems
    assert any(says in problem for problem in problems), problems


# -- the page ----------------------------------------------------------------------------------------


def test_a_table_that_was_written_reads_back(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text("before\n<!-- faults -->\nold\n<!-- /faults -->\nafter\n")
    cells = {(fault, phase): Cell(f"{fault}; {phase}", []) for fault in FAULTS for phase in PHASES}
    faults_page.write(cells, page)
    assert faults_page.read(page) == {name: cell.outcome for name, cell in cells.items()}
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no table"):
        faults_page.read(page)
    with pytest.raises(ValueError, match="put them"):
        faults_page.write({(f, p): Cell("", []) for f in FAULTS for p in PHASES}, page)
