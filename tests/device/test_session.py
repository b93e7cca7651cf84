"""The table of phases, read as promises: what may lead where, for every row there is."""

import importlib.util
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device import session
from device.envelope import REASONS
from device.session import CAPTURING, END_REASONS, REMOTE, TRANSITIONS, TRIGGERS, Action, Event, Phase, Step

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"


class Row(NamedTuple):
    """One row of the table."""

    phase: Phase
    event: Event
    to: Phase
    actions: tuple[Action, ...]

    def __str__(self) -> str:
        return f"{self.phase.value}, {self.event.value}"


ROWS = [Row(phase, event, *step) for phase, row in TRANSITIONS.items() for event, step in row.items()]
PAIRS = [(phase, event) for phase in Phase for event in Event]
every_row = pytest.mark.parametrize("row", ROWS, ids=str)


@every_row
def test_a_capture_starts_by_a_trigger_and_by_nothing_else(row: Row) -> None:
    starts = Action.START in row.actions
    enters = row.to in CAPTURING and row.phase not in CAPTURING
    again = (
        Action.DROP in row.actions and row.to in CAPTURING
    )  # another trigger takes the place of a proposal
    assert starts == (enters or again)
    assert not starts or row.event in TRIGGERS


@every_row
def test_a_started_capture_is_always_in_a_phase_that_captures(row: Row) -> None:
    assert Action.START not in row.actions or row.to in CAPTURING


@every_row
def test_whoever_stops_capturing_ends_or_drops_the_utterance_once(row: Row) -> None:
    leaves = row.phase in CAPTURING and (row.to not in CAPTURING or Action.START in row.actions)
    assert len({Action.END, Action.DROP} & set(row.actions)) == leaves
    assert Action.START not in row.actions or not leaves or row.actions[0] is Action.DROP


@every_row
def test_what_is_dropped_has_never_been_let_out_and_what_is_ended_has(row: Row) -> None:
    assert Action.DROP not in row.actions or row.phase is Phase.VERIFYING
    assert Action.END not in row.actions or row.phase is Phase.LISTENING
    assert (Action.RELEASE in row.actions) == (row.to is Phase.LISTENING)


@every_row
def test_no_message_from_the_network_starts_a_capture_opens_the_microphone_or_unmutes(row: Row) -> None:
    if row.event in REMOTE:
        assert not {Action.START, Action.OPEN, Action.RELEASE} & set(row.actions)
        assert row.phase is not Phase.MUTED
        assert row.to not in CAPTURING


@every_row
def test_the_microphone_is_closed_on_the_way_into_muted_and_opened_only_on_the_way_out(row: Row) -> None:
    assert (Action.CLOSE in row.actions) == (row.to is Phase.MUTED)
    assert (Action.OPEN in row.actions) == (row.phase is Phase.MUTED)


@every_row
def test_playing_stops_whenever_the_answer_is_interrupted(row: Row) -> None:
    interrupted = row.phase is Phase.RESPONDING and row.event is not Event.RESPONSE_OVER
    assert (Action.HUSH in row.actions) == interrupted


@every_row
def test_every_end_has_a_reason_that_the_envelope_knows(row: Row) -> None:
    assert Action.END not in row.actions or END_REASONS[row.event] in REASONS


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.MUTED])
@pytest.mark.parametrize("event", [Event.MUTE_ON, Event.REMOTE_MUTE])
def test_mute_wins_in_every_phase(phase: Phase, event: Event) -> None:
    assert session.step(phase, event).phase is Phase.MUTED


def test_only_the_switch_leaves_muted_and_the_network_cannot_move_it() -> None:
    assert list(TRANSITIONS[Phase.MUTED]) == [Event.MUTE_OFF]
    assert Event.MUTE_OFF not in REMOTE
    assert not TRIGGERS & REMOTE


@pytest.mark.parametrize("phase", sorted(CAPTURING, key=str))
@pytest.mark.parametrize("event", [Event.MAX_DURATION, Event.MIC_LOST, Event.REMOTE_STOP])
def test_capturing_always_ends_at_the_maximum_without_a_microphone_and_on_demand(
    phase: Phase, event: Event
) -> None:
    assert session.step(phase, event).phase not in CAPTURING


def reached_from(start: Phase) -> set[Phase]:
    found, todo = {start}, deque([start])
    while todo:
        for step in TRANSITIONS[todo.popleft()].values():
            if step.phase not in found:
                found.add(step.phase)
                todo.append(step.phase)
    return found


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_can_be_reached_and_left_from_every_other(phase: Phase) -> None:
    assert reached_from(phase) == set(Phase)


@pytest.mark.parametrize("event", Event)
def test_every_event_means_something_somewhere(event: Event) -> None:
    assert any(row.event is event for row in ROWS)


@pytest.mark.parametrize(("phase", "event"), PAIRS)
def test_a_pair_without_a_row_changes_nothing(phase: Phase, event: Event) -> None:
    known = event in TRANSITIONS[phase]
    assert session.step(phase, event) == (TRANSITIONS[phase][event] if known else Step(phase, ()))


@given(st.lists(st.sampled_from(Event), max_size=60), st.sampled_from([Phase.IDLE, Phase.MUTED]))
def test_however_events_fall_capture_and_microphone_are_what_the_phase_says(
    events: list[Event], phase: Phase
) -> None:
    """Follows the actions as the speaker would, and compares with what the phase promises."""
    capturing, released, microphone = False, False, phase is not Phase.MUTED
    for event in events:
        before = phase
        phase, actions = session.step(phase, event)
        for action in actions:
            match action:
                case Action.START:
                    assert not capturing
                    assert event in TRIGGERS
                    capturing, released = True, False
                case Action.RELEASE:
                    assert capturing
                    assert not released
                    released = True
                case Action.END | Action.DROP:
                    assert capturing
                    assert released == (action is Action.END)
                    capturing = released = False
                case Action.CLOSE | Action.OPEN:
                    microphone = action is Action.OPEN
        assert capturing == (phase in CAPTURING)
        assert released == (phase is Phase.LISTENING)
        assert microphone == (phase is not Phase.MUTED)
        assert before is not Phase.MUTED or phase is Phase.MUTED or event is Event.MUTE_OFF


# The diagram


@pytest.fixture
def draw() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_session", ROOT / "scripts" / "draw_session.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_diagram_in_the_architecture_page_is_the_table(draw: ModuleType) -> None:
    assert draw.main(["--check", str(PAGE)]) == 0


def test_a_changed_row_makes_the_check_fail_and_writing_mends_it(
    draw: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    text = PAGE.read_text()
    page.write_text(text.replace("wake word / start capture", "remote stop / start capture", 1))
    assert page.read_text() != text
    assert draw.main(["--check", str(page)]) == 1
    assert capsys.readouterr().err == f"{page}: not the table of device/session.py; run with --write {page}\n"
    assert draw.main(["--write", str(page)]) == 0
    assert page.read_text() == text


@pytest.mark.parametrize(
    "text", ["# A page\n", "<!-- session -->\n", "<!-- /session -->\n<!-- session -->\n"]
)
def test_a_page_without_a_place_for_the_diagram_is_refused(
    draw: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert [draw.main([option, str(page)]) for option in ("--check", "--write")] == [1, 1]
    assert "no <!-- session --> ... <!-- /session -->" in capsys.readouterr().err
    assert page.read_text() == text


def test_every_row_is_drawn() -> None:
    drawn = session.diagram()
    for row in ROWS:
        arrows = [line for line in drawn.splitlines() if f"{row.phase.value} --> {row.to.value}: " in line]
        assert any(
            row.event.value in line.partition(": ")[2].partition(" / ")[0].split(", ") for line in arrows
        )


def test_the_script_prints_the_diagram_from_any_folder(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "draw_session.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == session.diagram()
