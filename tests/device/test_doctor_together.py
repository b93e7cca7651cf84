"""Pressing, sliding, looking and speaking together: what works is ok, and what is broken is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from device.__main__ import app
from device.doctor import Finding, Person, together
from device.mute import MuteMemory
from hardware.board import RATE_HZ
from hardware.sim import SimBoard
from tests.device.house import NOW, recording
from tests.device.patient import Patient

SECOND = RATE_HZ


class Visitor:
    """Somebody beside the board, who does what is said but for what `cannot` names."""

    def __init__(self, board: SimBoard, cannot: str = "") -> None:
        self.board = board
        self.cannot = cannot
        self.asked: list[str] = []

    def told(self, what: str) -> None:
        does: dict[str, Callable[[], None]] = {
            "shortly": self.board.tap,
            "hold it": lambda: self.board.tap(SECOND),
            "Slide": self._there_and_back,
            "slide it": self.board.mute_off,
            "Step back": lambda: self._say(recording("alexa_time")),
        }
        verb = next(verb for verb in does if verb in what)
        if verb != self.cannot:
            does[verb]()

    def agrees(self, question: str) -> bool:
        self.asked.append(question)
        return not self.cannot or self.cannot not in question

    def _there_and_back(self) -> None:
        self.board.at(self.board.now + SECOND, self.board.mute_on)
        self.board.at(self.board.now + 2 * SECOND, self.board.mute_off)

    def _say(self, path: Path) -> None:
        self.board.room.say(path, self.board.now + SECOND)


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path, 1)


def walk(patient: Patient, visitor: Visitor) -> list[Finding]:
    person = Person(visitor.told, visitor.agrees)
    return list(together(patient.path, NOW, lambda _: patient.board, person))


def test_with_a_board_that_is_well_every_step_is_ok(patient: Patient) -> None:
    visitor = Visitor(patient.board)
    steps = walk(patient, visitor)
    assert [(step.check, step.word) for step in steps] == [
        (check, "ok") for check in ("tap", "hold", "mute switch", "lights", "loudspeaker", "wake word")
    ]
    assert len(visitor.asked) == 4
    assert [cue for _, cue, _ in patient.board.shown if cue != "idle"] == [
        "listening", "responding", "muted", "listening",
    ]  # fmt: skip
    assert len(patient.board.played) == 1
    assert not patient.board.microphone.is_open
    assert patient.rows() == []


@pytest.mark.parametrize(
    ("cannot", "check", "word"),
    [
        ("shortly", "tap", "fail"),
        ("hold it", "hold", "fail"),
        ("Slide", "mute switch", "fail"),
        ("show muted", "lights", "fail"),
        ("two tones", "loudspeaker", "warn"),
        ("Step back", "wake word", "fail"),
    ],
)
def test_what_does_not_work_is_found(patient: Patient, cannot: str, check: str, word: str) -> None:
    (wrong,) = [step for step in walk(patient, Visitor(patient.board, cannot)) if step.word != "ok"]
    assert (wrong.check, wrong.word) == (check, word)
    assert wrong.do


def test_a_switch_that_stays_muted_keeps_the_microphone_closed(patient: Patient) -> None:
    patient.board.mute_on()
    visitor = Visitor(patient.board, cannot="slide it")
    steps = {step.check: step.word for step in walk(patient, visitor)}
    assert (steps["mute switch"], steps["wake word"]) == ("fail", "warn")
    assert patient.board.microphone.frames_read == 0


def test_what_is_muted_from_afar_stays_closed(patient: Patient) -> None:
    MuteMemory(patient.state, first_run=False).set(True)
    steps = {step.check: step for step in walk(patient, Visitor(patient.board))}
    assert (steps["mute switch"].word, steps["wake word"].word) == ("ok", "warn")
    assert "muted from afar" in steps["wake word"].what
    assert patient.board.microphone.frames_read == 0


@pytest.mark.parametrize("late_s", [0, 3])
def test_a_switch_that_is_slid_while_it_hears_ends_that_at_once(patient: Patient, late_s: int) -> None:
    class Hand(Visitor):
        def told(self, what: str) -> None:
            if "Step back" in what:
                self.board.at(self.board.now + SECOND, self.board.mute_on)
            else:
                super().told(what)

    patient.board.microphone.late_samples = late_s * SECOND
    (step,) = [step for step in walk(patient, Hand(patient.board)) if step.check == "wake word"]
    assert (step.word, step.what) == ("warn", "muted meanwhile, so the microphone was closed")
    assert patient.board.microphone.frames_read <= (51 if late_s == 0 else 0)
    assert not patient.board.microphone.is_open


def test_the_command_line_walks_through_it(patient: Patient) -> None:
    patient.set('board.pace = "fast"\n')
    done = CliRunner().invoke(
        app, ["doctor", "--config", str(patient.path), "--interactive"], input="y\n" * 4
    )
    assert done.exit_code == 1  # nobody presses anything
    assert "Press the button, shortly" in done.stdout
    assert "fail  tap" in done.stdout
    assert "ok    lights" in done.stdout
