"""The Pi's board as a whole: its pace, its pins, and one line for whatever is missing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from device.__main__ import open_configured_board
from device.config import load
from hardware import open_board
from hardware.board import FRAME_SAMPLES
from hardware.errors import BoardError
from hardware.pi import PiBoard
from hardware.pi.clock import SampleClock
from tests.alsa.desk import Desk, needs_alsa

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pins() -> Iterator[Any]:
    factory = MockFactory(revision="902120", pin_class=MockPWMPin)
    yield factory
    factory.close()


def test_rest_goes_on_by_frames_and_makes_up_for_what_came_late() -> None:
    clock = SampleClock()
    clock.rest()
    began = clock._due_ns
    reached = [clock.rest() for _ in range(10)]
    assert reached == [FRAME_SAMPLES * n for n in range(2, 12)]
    assert clock._due_ns - began >= 10 * 20_000_000
    assert time.monotonic_ns() >= clock._due_ns  # never faster than the sound would be


def test_rest_does_not_run_through_what_was_slept() -> None:
    """A finger on the button must not seem to be held for as long as a card took to open."""
    clock = SampleClock()
    clock.rest()
    clock._due_ns -= 10**10  # ten seconds that nobody rested
    before = time.monotonic_ns()
    clock.rest()
    assert clock._due_ns > before


@needs_alsa
@pytest.mark.usefixtures("mock_pins")
def test_the_settings_choose_array_microphone_and_loudspeaker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, np.full((16_000, 6), 5, np.int16))
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(desk.config))
    settings = tmp_path / "speaker.toml"
    settings.write_text(
        '[board]\nname = "pi"\nprofile = "respeaker-usb-4mic"\n'
        'microphone = "desk_microphone"\nloudspeaker = "desk_loudspeaker"\n'
    )
    board = open_configured_board(load(settings))
    try:
        board.microphone.open()
        assert board.microphone.read().pcm == b"\5\0" * FRAME_SAMPLES
        board.loudspeaker.play(b"\1\0" * 320)
        while board.loudspeaker.playing:
            board.rest()
        assert desk.loudspeaker.position >= 320
    finally:
        board.close()
    assert not desk.microphone.in_use
    assert not board.microphone.is_open
    ran = subprocess.run(
        [sys.executable, "-m", "device", "microphones", "--config", settings], cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "* desk_microphone: not USB, 6 channels, no profile of its own" in ran.stdout
    assert '[board] microphone = "desk_microphone"' in ran.stdout


@needs_alsa
def test_a_profile_or_a_setting_that_means_nothing_is_refused(pins: Any) -> None:
    with pytest.raises(BoardError, match="profile 'nonesuch': unknown"):
        open_board("pi", profile="nonesuch", pin_factory=pins)
    with pytest.raises(BoardError, match=r"board\.microphone"):
        PiBoard(microphone=" ", pin_factory=pins)


def said(code: str, **environment: str) -> str:
    """What a new process prints that has no such pins, and no such libraries, as this one may have."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GPIOZERO")}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    return ran.stdout


TRY = """
from hardware import open_board
from hardware.errors import HardwareError
{}
try:
    open_board("pi")
except HardwareError as error:
    print(type(error).__name__, error)
"""


@needs_alsa
@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has pins")
def test_missing_pins_are_one_line_and_no_warnings() -> None:
    (line,) = said(TRY.format("")).splitlines()
    assert line.startswith("NotInstalled pins: lgpio: ")
    assert "install python3-lgpio" in line


@needs_alsa
def test_a_pin_library_that_was_named_and_does_not_work_is_one_line() -> None:
    (line,) = said(TRY.format(""), GPIOZERO_PIN_FACTORY="nonesuch").splitlines()
    assert line.startswith("NotInstalled pins: Unable to find pin factory 'nonesuch'; install")
    (line,) = said(TRY.format(""), GPIOZERO_PIN_FACTORY="lgpio").splitlines()
    assert line.startswith("BoardError pins: ")


def test_missing_pyaudio_is_one_line() -> None:
    hidden = (
        "import importlib.util, sys; sys.modules['pyaudio'] = None; importlib.util.find_spec = lambda _: None"
    )
    (line,) = said(TRY.format(hidden)).splitlines()
    assert line == "NotInstalled PyAudio: not installed; run scripts/setup_audio"
