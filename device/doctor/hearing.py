"""The board's parts: microphone, level, button, switch, lights. Sound is measured frame by frame and dropped.

A muted microphone stays closed, here too; and a firmware that runs keeps its board to itself.
"""

import math
from collections.abc import Iterator
from contextlib import closing
from typing import Literal, NamedTuple

import numpy as np

from device.doctor.finding import Finding, fail, failed, ok, warn
from device.doctor.subject import Subject
from device.errors import DeviceError
from device.hardware_bond import BOND, bind
from device.mic_fault import REMEDIES, MicFault
from device.mic_look import look
from hardware.board import FRAME_SAMPLES, RATE_HZ, Board, Frame
from hardware.errors import Fault, HardwareError

_FRAMES = RATE_HZ // FRAME_SAMPLES
_MOST_FRAMES = 5 * _FRAMES
_SHOWN = ("muted", "responding", "booting")
"""Cues of the light that are red, green and blue."""
_SHOWN_FRAMES = 15
_FULL_SCALE = 32_768
_CLIPPED = 0.01
"""So much of a second at full scale is no accident."""
_QUIET_DB = -80.0
"""Below the noise of any room and any microphone."""
_GIVE_ROOM = 'the board is simulated and hears recordings: give [board] room = ["my-recording.wav"]'


class Level(NamedTuple):
    """How a second or so sounded: rms in dB of full scale, the part of it at full scale, frames, and jumps
    between them.
    """

    rms_db: float
    clipped: float
    frames: int
    jumps: int


def board(subject: Subject) -> Iterator[Finding]:
    """Yield a finding on each part of the board."""
    if subject.firmware_runs:
        yield ok("board", "the firmware runs and has it")
        yield warn(
            "microphone", "not tried: the firmware runs", "stop it and ask again, to try the board itself"
        )
        return
    try:
        opened = subject.open_board(subject.config)
    except (HardwareError, ValueError) as error:
        yield failed("board", error)
        return
    with closing(opened):
        yield _whose(opened, subject)
        yield _button(opened)
        yield _switch(opened)
        yield _lights(opened)
        yield from _microphone(opened, subject)


def _whose(board: Board, subject: Subject) -> Finding:
    """Whether it is the board that the device's keys were made on."""
    try:
        identity = subject.identity()
        if identity is not None and (subject.state / BOND).exists():  # else `bind` would write it
            bind(subject.state, identity.device, board.serial)
    except DeviceError as error:
        return failed("board", error)
    return ok("board", subject.config.board.name)


def _button(board: Board) -> Finding:
    if board.panel.level("button"):
        return warn("button", "held down", "let go of it; if nobody holds it, look for a short to ground")
    return ok("button", "not held down")


def _switch(board: Board) -> Finding:
    if board.panel.level("mute"):
        return warn(
            "mute switch", "muted, or its wire is cut", "slide it to live; if it is, look for the cut wire"
        )
    return ok("mute switch", "live")


def _lights(board: Board) -> Finding:
    """Show red, green and blue, a third of a second each."""
    for cue in _SHOWN:
        board.panel.show(cue, board.rest())
        for _ in range(_SHOWN_FRAMES):
            board.rest()
    board.panel.show("idle", board.rest())
    if board.panel.trouble is not None:
        saw, _, advice = board.panel.trouble.partition("; ")
        return warn("lights", saw, advice)
    return ok("lights", "were red, green and blue, if they are wired right: only eyes can tell")


def _microphone(board: Board, subject: Subject) -> Iterator[Finding]:
    if board.panel.level("mute") or subject.remembers_mute:
        yield warn("microphone", "muted, so it was not opened", "unmute with the switch and ask again")
        return
    try:
        level, fault = _listen(board)
    except HardwareError as error:
        yield failed("microphone", error)
        return
    yield _arriving(level) if fault is None else fail("microphone", *REMEDIES[fault])
    yield loudness(level, simulated=subject.config.board.name == "sim")


class _Sums:
    """What is kept of frames: how many, how loud, how much at full scale, how often one did not follow."""

    def __init__(self) -> None:
        self.frames = self.jumps = self.clipped = 0
        self.power = 0.0
        self._expected: int | None = None

    def add(self, frame: Frame) -> None:
        self.frames += 1
        self.jumps += self._expected is not None and frame.index != self._expected
        self._expected = frame.index + FRAME_SAMPLES
        samples = np.frombuffer(frame.pcm, "<i2").astype(np.float64)
        self.power += float(samples @ samples)
        self.clipped += int((np.abs(samples) >= _FULL_SCALE - 1).sum())

    @property
    def level(self) -> Level:
        count = self.frames * FRAME_SAMPLES
        rms = math.sqrt(self.power / count) / _FULL_SCALE
        return Level(
            20 * math.log10(rms) if rms else -math.inf, self.clipped / count, self.frames, self.jumps
        )


def _listen(board: Board) -> tuple[Level, Fault | None]:
    """Hear a second, and on until the firmware's own judge of microphones is sure; keep numbers alone."""
    microphone, sums = board.microphone, _Sums()
    judge = MicFault(digital_silence=microphone.digital_silence)
    verdict: Fault | Literal["well"] | None = None
    microphone.open()
    try:
        while sums.frames < _FRAMES or (verdict is None and sums.frames < _MOST_FRAMES):
            frame = microphone.read()
            if not sums.frames:
                judge.forget(frame.index)
            sums.add(frame)
            if frame.index >= judge.due:
                verdict = judge.judge(look(frame))
    finally:
        microphone.close()
    return sums.level, None if verdict == "well" else verdict


def _arriving(level: Level) -> Finding:
    what = f"{level.frames} frames of 20 ms arrived, one channel of 16 kHz"
    if level.jumps:
        return warn(
            "microphone", f"{what}, with {level.jumps} gaps", "look for what else keeps the machine busy"
        )
    return ok("microphone", what)


def loudness(level: Level, *, simulated: bool = False) -> Finding:
    """What a second's level says of the microphone; a simulated one has no gain that could be turned up."""
    what = f"{level.rms_db:.0f} dBFS over {level.frames * FRAME_SAMPLES / RATE_HZ:.2g} s"
    if level.rms_db == -math.inf:
        return fail(
            "level",
            "nothing but zeros",
            _GIVE_ROOM
            if simulated
            else "check the microphone's cable, channel and gain; no room is so silent",
        )
    if level.clipped >= _CLIPPED:
        return fail(
            "level", f"{what}, {level.clipped:.0%} at full scale", "turn the gain down, or find what hums"
        )
    if level.rms_db < _QUIET_DB:
        louder = _GIVE_ROOM if simulated else "speak; if it stays so, turn the gain up"
        return warn("level", f"{what}: next to nothing", louder)
    return ok("level", what)
