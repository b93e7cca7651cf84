"""A speaker whose microphone falls ill: on the twin, or on PyAudio over a card of tests/alsa, in real time.

Both have the same verbs, and a real broker at which its state is seen. They make no judgement.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import numpy as np

from device import config as device_config
from device.assemble import assemble
from device.envelope import topics
from device.ledger import Row, parse_row
from device.speaker import Speaker
from hardware.board import RATE_HZ
from lab.folder import Settings, write_settings
from lab.kit.broker import MockBroker
from lab.kit.cloud import StubCloud
from lab.kit.home import Home
from lab.kit.speaker import SimSpeaker, Ways

SETTINGS: Settings = {"home_assistant": {"discovery": True}}
PATIENCE_S = 20.0
WELL = "well"
MISSING = "missing at start"
OVERRUN = "overrun"
LAGS = "overrunning"
_LAG_EVERY_S, _LAG_SAMPLES = 0.5, 800

Event = dict[str, Any]


class NotSeen(Exception):  # noqa: N818  it names what happened
    """Something did not come."""


class Bed(Protocol):
    """A speaker whose microphone can be made ill and well; time passes only in `until` and `wait`."""

    @property
    def now_s(self) -> float:
        """The time since the bed was made."""

    @property
    def light(self) -> str:
        """The cue that the light shows."""

    @property
    def ledger(self) -> list[Row]:
        """Every row."""

    def told(self, kind: str) -> list[Event]:
        """What the firmware told of one kind."""

    def state(self) -> Event:
        """What it last said of itself at the broker, if anything."""

    def befall(self, fault: str) -> None:
        """Let a fault begin; `well` ends it."""

    def overrun(self, samples: int) -> None:
        """Lose so many samples."""

    def press(self) -> None:
        """Press the button and hold it."""

    def release(self) -> None:
        """Let go of it."""

    def until(self, condition: Callable[[], object], what: str, within_s: float) -> None:
        """Let time pass until a condition holds. Raises NotSeen."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


class TwinBed:
    """The firmware on the simulated board: time is counted in samples, so each run is the same."""

    def __init__(self, broker: MockBroker, speaker: SimSpeaker) -> None:
        self._broker, self._speaker, self._home = broker, speaker, Home(speaker)
        self._home.until("online")

    @property
    def firmware(self) -> Speaker:
        """The firmware itself, for who has to break it."""
        return self._speaker._firmware

    @property
    def now_s(self) -> float:
        return self._speaker.now / RATE_HZ

    @property
    def light(self) -> str:
        return self._speaker.light

    @property
    def ledger(self) -> list[Row]:
        return self._speaker.ledger

    def told(self, kind: str) -> list[Event]:
        return self._speaker.said(kind)

    def state(self) -> Event:
        return _state(self._broker, self._speaker.device)

    def befall(self, fault: str) -> None:
        self._speaker.board.befall(fault)

    def overrun(self, samples: int) -> None:
        self._speaker.board.overrun(samples)

    def press(self) -> None:
        self._speaker.board.press()

    def release(self) -> None:
        self._speaker.board.release()

    def until(self, condition: Callable[[], object], what: str, within_s: float) -> None:
        last_s = self.now_s + within_s
        while not condition():
            if self.now_s >= last_s:
                raise NotSeen(f"{what} did not come within {within_s:g} s")
            self._speaker.pass_frame()

    def wait(self, seconds: float) -> None:
        last = self._speaker.now + round(seconds * RATE_HZ)
        while self._speaker.now < last:  # a frame that never comes takes longer than others
            self._speaker.pass_frame()


@contextmanager
def twin(directory: Path, fault: str) -> Iterator[Bed]:
    """A bed on the twin; its microphone is missing already if that is the fault."""

    def before(board: Any) -> None:
        if fault == MISSING:
            board.unplug()

    with ExitStack() as stack:
        broker = stack.enter_context(MockBroker(directory / "broker"))
        cloud = _cloud(directory, broker, stack)
        ways = Ways(SETTINGS, answers=True, patience_s=PATIENCE_S, before=before)
        speaker = SimSpeaker(directory / "speaker", broker, cloud.root, cloud.note, ways)
        stack.callback(speaker.close)
        cloud.meet(speaker)
        yield TwinBed(broker, speaker)


class AlsaBed:
    """The firmware on `hardware.pi`, its microphone a sound card of tests/alsa. Time is the machine's."""

    def __init__(self, directory: Path, broker: MockBroker, cloud: StubCloud, desk: Any, pi: Any) -> None:
        self._broker, self._desk, self._pi = broker, desk, pi
        self._told: list[Event] = []
        self._shown = ["off"]
        self._lags_at_s = math.inf
        self._began_s = monotonic()
        (directory / "keys.note").write_bytes(cloud.note)
        settings: dict[str, dict[str, Any]] = {
            "device": {"state_dir": "state"},
            "cloud": {"root": cloud.root, "keys": "keys.note"},
            "uplink": {"port": broker.port, "backoff_min_s": 0.05, "backoff_max_s": 0.2},
        }
        path = write_settings(directory / "device.toml", settings, SETTINGS)
        pi.board.panel.listener = lambda _sample, cue, _rgb: self._shown.append(cue)
        self._speaker: Speaker = assemble(device_config.load(path), pi.board, self._note)
        self._speaker.start()
        self.until(lambda: self._speaker.parts.line.up, "a connection", PATIENCE_S)

    def _note(self, kind: str, sample: int, /, **fields: object) -> None:
        self._told.append({"kind": kind, "sample": sample, **fields})

    @property
    def now_s(self) -> float:
        return monotonic() - self._began_s

    @property
    def light(self) -> str:
        return self._shown[-1]

    @property
    def ledger(self) -> list[Row]:
        return [parse_row(row) for row in self._speaker.parts.outbox.rows()]

    def told(self, kind: str) -> list[Event]:
        return [event for event in self._told if event["kind"] == kind]

    def state(self) -> Event:
        return _state(self._broker, self._speaker.parts.device)

    def befall(self, fault: str) -> None:
        card = self._desk.microphone
        self._lags_at_s = self.now_s if fault == LAGS else math.inf
        {LAGS: lambda: None, "unplugged": card.unplug, WELL: card.mend}.get(fault, lambda: card.be(fault))()

    def overrun(self, samples: int) -> None:
        self._desk.microphone.overrun(samples)

    def press(self) -> None:
        self._pi.hands.press()

    def release(self) -> None:
        self._pi.hands.release()

    def until(self, condition: Callable[[], object], what: str, within_s: float) -> None:
        last_s = self.now_s + within_s
        while not condition():
            if self.now_s >= last_s:
                raise NotSeen(f"{what} did not come within {within_s:g} s")
            self._pass_frame()

    def wait(self, seconds: float) -> None:
        last_s = self.now_s + seconds
        while self.now_s < last_s:
            self._pass_frame()

    def _pass_frame(self) -> None:
        if self.now_s >= self._lags_at_s:
            self._lags_at_s = self.now_s + _LAG_EVERY_S
            self._desk.microphone.overrun(_LAG_SAMPLES)
        self._speaker.pass_frame()

    def close(self) -> None:
        """Stop the firmware in an orderly way."""
        self._speaker.finish()


@contextmanager
def alsa(directory: Path, fault: str) -> Iterator[Bed]:
    """A bed on ALSA; its microphone is missing already if that is the fault."""
    import pytest

    from tests.alsa.desk import Desk
    from tests.alsa.pi import PiOnADesk, array_profile

    hiss = np.random.default_rng(5).normal(0, 300, (300 * RATE_HZ, 1)).round().astype(np.int16)
    directory.mkdir(parents=True, exist_ok=True)
    desk = Desk(directory, hiss)
    if fault == MISSING:
        desk.microphone.unplug()
    with ExitStack() as stack:
        broker = stack.enter_context(MockBroker(directory / "broker"))
        cloud = _cloud(directory, broker, stack)
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        pi = PiOnADesk(desk, array_profile(directory, 1, 0), environment)
        stack.callback(pi.close)
        bed = AlsaBed(directory, broker, cloud, desk, pi)
        stack.callback(bed.close)
        yield bed


def _cloud(directory: Path, broker: MockBroker, stack: ExitStack) -> StubCloud:
    cloud = StubCloud(directory / "cloud", broker, {})
    stack.callback(cloud.stop)
    cloud.start()
    return cloud


def _state(broker: MockBroker, device: str) -> Event:
    said = broker.published(topics.state(device))
    state: Event = json.loads(said[-1].payload) if said and said[-1].payload else {}
    return state
