"""The children of the Pi's board among themselves, and with who would end them: none opens a device in
another's way, none ends by what only the firmware is told, and one that cannot be ended is said to live.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from hardware.board import RATE_HZ
from hardware.pi import devices
from hardware.pi.child import Child
from hardware.pi.clock import SampleClock
from hardware.pi.loudspeaker import PiLoudspeaker
from hardware.pi.microphone import PiMicrophone
from hardware.profiles import load_profile
from tests.alsa.desk import Desk, needs_alsa
from tests.alsa.pi import PiOnADesk, array_profile, lost
from tests.device.test_alsa_firmware import CHANNEL, CHANNELS, Flat
from tests.hardware.frozen import frozen, needs_freezer
from tests.secure_home import until

pytestmark = needs_alsa

SOUND = b"\1\0" * 640
NOISE = np.random.default_rng(7).integers(-9000, 9000, (60 * RATE_HZ, CHANNELS)).astype(np.int16)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, NOISE)


@pytest.fixture
def board(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    pi = PiOnADesk(desk, array_profile(tmp_path, CHANNELS, CHANNEL), monkeypatch)
    yield pi.board
    pi.close()


def play(loudspeaker: PiLoudspeaker) -> None:
    loudspeaker.play(SOUND)
    until(lambda: not loudspeaker.playing, "it plays on and on")


def stands_at_the_door(process: int | None) -> bool:
    """Whether a process has the lock's file open."""
    try:
        return any(os.path.samefile(file, devices.__file__) for file in Path(f"/proc/{process}/fd").iterdir())
    except OSError:  # a descriptor that was closed meanwhile
        return False


# One at a time


def test_who_plays_and_who_hears_wait_for_each_other_until_the_devices_are_seen(
    board: Any, desk: Desk
) -> None:
    play(board.loudspeaker)  # its child is there, and has looked
    board.loudspeaker.close()
    with open(devices.__file__, "rb") as door, desk.loudspeaker.held(), desk.microphone.held():
        fcntl.flock(door, fcntl.LOCK_EX)
        board.loudspeaker.play(SOUND)
        board.microphone.open()
        until(lambda: stands_at_the_door(board.loudspeaker.pid), "who plays does not wait")
        until(lambda: stands_at_the_door(board.microphone.pid), "who hears does not wait")
    board.microphone.read()
    until(lambda: not board.loudspeaker.playing, "it plays on and on")
    assert board.loudspeaker.trouble is None
    assert np.any(desk.loudspeaker.tape)


def test_one_that_never_comes_back_from_its_turn_does_not_keep_the_others_deaf(board: Any) -> None:
    with open(devices.__file__, "rb") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        board.microphone.open()
        board.microphone.read()


# While the microphone is closed


def test_while_the_microphone_is_closed_no_child_begins_that_would_open_it(board: Any, desk: Desk) -> None:
    board.microphone.open()
    board.microphone.read()
    board.microphone.close()
    play(board.loudspeaker)  # by the child that was there before
    assert np.any(desk.loudspeaker.tape)
    opened = desk.microphone.opened
    assert board.loudspeaker.pid is not None
    os.kill(board.loudspeaker.pid, signal.SIGKILL)
    until(lambda: board.loudspeaker.playing is False and board.loudspeaker.pid is None, "it lives")
    play(board.loudspeaker)
    assert board.loudspeaker.trouble == "its process is not started while the microphone is closed"
    assert (board.loudspeaker.pid, desk.microphone.opened) == (None, opened)
    board.microphone.open()
    play(board.loudspeaker)
    assert board.loudspeaker.trouble is None


def test_portaudio_opens_the_microphone_for_whoever_begins(board: Any, desk: Desk) -> None:
    """So the test above is not in vain; if this fails PortAudio has learned better."""
    play(board.loudspeaker)
    assert desk.microphone.opened > 0
    assert desk.microphone.position == 0


def test_a_microphone_that_was_lost_keeps_nobody_from_speaking(board: Any, desk: Desk) -> None:
    board.microphone.open()
    board.microphone.read()
    desk.microphone.unplug()
    lost(board.microphone)
    board.microphone.close()
    board.loudspeaker.close()
    play(board.loudspeaker)
    assert board.loudspeaker.trouble is None
    board.microphone.close()  # now somebody mutes
    board.loudspeaker.close()
    play(board.loudspeaker)
    assert board.loudspeaker.trouble is not None


# Who would end them


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_what_the_firmware_is_told_to_end_by_does_not_end_its_children(
    board: Any, told: signal.Signals
) -> None:
    board.microphone.open()
    board.microphone.read()
    play(board.loudspeaker)
    children = [board.microphone.pid, board.loudspeaker.pid]
    for child in children:
        os.kill(child, told)
    for _ in range(20):
        board.microphone.read()
    play(board.loudspeaker)
    assert [board.microphone.pid, board.loudspeaker.pid] == children
    assert board.loudspeaker.trouble is None


@needs_freezer
def test_a_microphone_whose_child_cannot_be_killed_is_open_until_it_is_gone(board: Any, desk: Desk) -> None:
    board.microphone.open()
    board.microphone.read()
    with frozen(board.microphone.pid):
        board.microphone.close()
        assert board.microphone.is_open
        assert desk.microphone.in_use
        assert board.microphone.pid is None
    until(lambda: not board.microphone.is_open, "it is open for ever")
    assert not desk.microphone.in_use


@needs_freezer
@pytest.mark.usefixtures("mock_pins")
def test_mute_that_does_not_close_the_sound_card_is_shown_and_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = Flat(tmp_path, NOISE, monkeypatch)
    cues: list[str] = []
    flat.board.panel.listener = lambda _sample, cue, _rgb: cues.append(cue)

    def hands() -> None:
        until(lambda: flat.board.microphone.frames_read > 10, "it does not hear")
        child = flat.board.microphone.pid
        with frozen(child):
            flat.hands.mute_on()
            until(lambda: flat.phase == "muted", "it does not notice the switch")
            until(lambda: flat.faults, "it says nothing")
            assert flat.desk.microphone.in_use
            assert cues[-1] == "error"
        until(lambda: cues[-1] == "muted", "it is open for ever")
        assert not flat.desk.microphone.in_use

    flat.run(hands)
    assert [fault["fault"] for fault in flat.faults if isinstance(fault, dict)] == ["held", "well"]


@needs_freezer
def test_a_loudspeaker_whose_child_cannot_be_killed_is_not_waited_for(board: Any) -> None:
    play(board.loudspeaker)
    child = board.loudspeaker.pid
    assert child is not None
    with frozen(child), Waits() as waits:
        while board.loudspeaker.pid == child:  # until the way to it is full
            board.loudspeaker.play(SOUND * 40)
        assert board.loudspeaker.trouble is not None
        assert waits.longest_s == 0
        play(board.loudspeaker)  # by another child
        assert board.loudspeaker.trouble is None
    assert Path(f"/proc/{child}").exists()
    until(lambda: Path(f"/proc/{child}/status").read_text().count("zombie"), "it lives")
    board.loudspeaker.play(SOUND)
    assert not Path(f"/proc/{child}").exists()  # reaped


class Waits:
    """For how long this thread has been ready to wait for a process to end."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    def _look(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is subprocess.Popen.wait.__code__:
            timeout = frame.f_locals["timeout"]
            self.longest_s = max(self.longest_s, float("inf") if timeout is None else timeout)

    def __enter__(self) -> "Waits":
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


def test_what_a_child_prints_for_ever_is_read_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faster than it can be read: then there is always more."""
    (tmp_path / "noisy.py").write_text(
        "import os\n"
        "line = b'lost\\n' * 2000\n"
        "while True:\n"
        "    try:\n"
        "        os.write(2, line)\n"
        "    except BlockingIOError:\n"
        "        pass\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ours, theirs = os.pipe()
    child = Child("noisy", {}, stdin=theirs, stdout=theirs)
    reads = Reads()
    try:
        until(lambda: child.noise() == "lost", "it is quiet")
        with reads:
            for _ in range(20):
                child.noise()
        assert reads.count <= 2 * 20
    finally:
        os.close(ours)
        os.close(theirs)
        assert child.kill()


class Reads:
    """Counts what this thread reads."""

    def __init__(self) -> None:
        self.count = 0

    def _look(self, _frame: FrameType, event: str, argument: object) -> None:
        self.count += event == "c_call" and argument is os.read

    def __enter__(self) -> "Reads":
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


# Which card


def test_a_descriptor_is_not_left_behind_by_a_process_that_does_not_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile = load_profile("respeaker-usb-4mic").microphone
    microphone = PiMicrophone(profile, desk.microphone.name, SampleClock(), proc=tmp_path / "no proc")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(OSError, match="does not start"):
            microphone.open()
    assert len(os.listdir("/proc/self/fd")) == before
