"""The speaker of a test: the real firmware on a simulated board, whose time the test itself lets pass.

It has a person's verbs (tap, hold, mute) and the plug (restart), and shows what a person and an operator see.
It never reaches into the firmware to change it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from device import config as device_config
from device.assemble import assemble
from device.envelope import ReaderKey
from device.keys import write_private
from device.ledger import Row, parse_row
from device.outbox import Waiting
from device.witness import KINDS
from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.sim import SimBoard
from lab.folder import Settings, write_settings
from lab.kit.broker import MockBroker
from lab.kit.errors import KitError, NotSeen
from lab.kit.still import Still
from lab.timeline import Event, Timeline

_FINGER_S = 0.2  # a tap, or a switch, until the firmware is sure of it
_FRAME_S = FRAME_SAMPLES / RATE_HZ
_KINDS = KINDS - {"score"}  # fifty a second: the timeline's file has them


def utc_now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


class Ways(NamedTuple):
    """How a speaker of a test is to be: its own settings, how its world turns, what its clock says, and what
    has befallen its board before it starts.
    """

    settings: Settings
    answers: bool
    patience_s: float = 5.0
    noise_floor: float = 3.0
    clock: Callable[[], datetime] = utc_now
    before: Callable[[SimBoard], object] = lambda _: None


class SimSpeaker:
    """One speaker with its state in `directory`, at `broker`, believing the cloud whose root key is `root`.

    It runs from the beginning and stands still between calls. `owner` is a reader key of the test's own:
    every utterance is sealed to it too. Close it.
    """

    def __init__(self, directory: Path, broker: MockBroker, root: str, note: bytes, ways: Ways) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.owner = ReaderKey.generate("x25519")
        self._broker = broker
        self._ways = ways
        self._note = directory / "provisioned.note"
        write_private(self._note, note)
        self._config = self._settings(directory, root)
        self._timeline = Timeline(directory / "timeline.jsonl")
        self._timeline.__enter__()
        self._before = 0
        self._plug_in(muted=False)

    # -- a person's verbs: each takes the time that it takes ---------------------------------------

    def tap(self) -> None:
        """Press the button for an instant."""
        self.board.tap()
        self.pass_time(_FINGER_S)

    def hold(self, seconds: float) -> None:
        """Press the button, let so much time pass, let go."""
        with self.held():
            self.pass_time(seconds)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Press the button, and let go at the end of the `with`."""
        self.board.press()
        yield
        self.board.release()
        self.pass_time(_FINGER_S)

    def mute(self) -> None:
        """Slide the switch to muted."""
        self.board.mute_on()
        self.pass_time(_FINGER_S)

    def unmute(self) -> None:
        """Slide the switch back."""
        self.board.mute_off()
        self.pass_time(_FINGER_S)

    def restart(self, *, power_cut: bool = False, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Stop the firmware and start it again on the same state: in an orderly way, or as after a power cut.

        A power cut ends no utterance, says no goodbye and writes nothing more. The switch stays where it is.
        `meanwhile` is done while it is off: to its files, say.
        """
        muted = self.board.panel.level("mute")
        if power_cut:
            self._pull_the_plug()
        else:
            self._firmware.finish()
        self._before += self.board.now
        meanwhile()
        self._plug_in(muted=muted)

    # -- what shows --------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """Its id, which is in every topic."""
        return self._firmware.parts.device

    @property
    def phase(self) -> str:
        """idle, verifying, listening, processing, responding or muted."""
        return self._firmware.phase.value

    @property
    def light(self) -> str:
        """What its light shows: a cue of `hardware.lights`."""
        return self.board.shown[-1][1] if self.board.shown else "off"

    @property
    def online(self) -> bool:
        """Whether it is connected, has heard from the cloud, and has said so."""
        return self._firmware.parts.line.up and self._broker.published_by(self.device) > 0

    @property
    def acknowledged(self) -> list[str]:
        """The ids of the utterances that the cloud has said to have, in order, since the speaker was made."""
        return [each["id"] for each in self.said("ack") if each["state"] != "missing"]

    @property
    def waiting(self) -> list[Waiting]:
        """The messages that it keeps, sealed, until the cloud acknowledges their utterance."""
        return self._firmware.parts.outbox.waiting()

    @property
    def ledger(self) -> list[Row]:
        """Every row of its ledger: what left, and what might have left and did not."""
        return [parse_row(row) for row in self._firmware.parts.outbox.rows()]

    @property
    def refused(self) -> dict[str, int]:
        """What came down the line and was not believed, counted by reason, since the firmware started."""
        return dict(self._firmware.parts.line.refused)

    def said(self, *kinds: str) -> list[Event]:
        """What it told its witness of these kinds: utterance, trigger, answer, ack, link, refused, phase ...

        `sample` counts from the firmware's last start.

        Raises:
            KitError: it has no such kind: see `device.witness.KINDS`.
        """
        for kind in kinds:
            if kind not in _KINDS:
                raise KitError(f"said {kind!r}: no such kind; one of {', '.join(sorted(_KINDS))}")
        return self._timeline.of(*kinds)

    # -- time --------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """How many samples have passed since the speaker was made."""
        return self._before + self.board.now

    def pass_frame(self) -> None:
        """Let one frame of 20 ms pass, once nothing is under way that it would overtake."""
        self._firmware.pass_frame()

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass."""
        for _ in range(round(seconds / _FRAME_S)):
            self.pass_frame()

    def until(self, condition: Callable[[], bool], what: str, within_s: float) -> None:
        """Let time pass until a condition holds. Raises NotSeen after `within_s` of sample time."""
        last = self.now + round(within_s * RATE_HZ)
        while not condition():
            if self.now >= last:
                link = "online" if self.online else "offline"
                how = f"the speaker is {self.phase}, {link}, {self._counted()}"
                raise NotSeen(f"home: {what} did not come within {within_s:g} s; {how}")
            self.pass_frame()

    def _counted(self) -> str:
        waiting, kept, heard_of = len(self.waiting), len(self.said("utterance")), len(self.acknowledged)
        return f"messages waiting: {waiting}, utterances kept: {kept}, acknowledged: {heard_of}"

    def hear_from(self, topic: str, say: Callable[[], None]) -> None:
        """Let somebody say something to the speaker on a topic, and return once it is there, to be taken up
        in the next frame. Offline it is only said.
        """
        since = len(self._broker.packets)
        say()
        if self.online:
            self._broker.wait_until_taken(self.device, topic, since=since)

    def close(self) -> None:
        """Stop the firmware in an orderly way."""
        try:
            self._firmware.finish()
        finally:
            self._broker.turn_with(None)
            self._broker.told = lambda: None
            self._timeline.__exit__(None, None, None)

    def _plug_in(self, *, muted: bool) -> None:
        self.board = SimBoard(noise_floor=self._ways.noise_floor)
        if muted:
            self.board.mute_on()
            self.board.panel.edges.clear()  # it has stood there all the time
        ways = self._ways
        ways.before(self.board)
        self._still = Still(self._broker, answers=ways.answers, patience_s=ways.patience_s)
        self._firmware = assemble(device_config.load(self._config), self.board, self._tell, ways.clock)
        self._still.meet(self._firmware)
        self.board.gate = self._hold
        self._broker.told = self._firmware.parts.line.arrived.set
        self._broker.turn_with(lambda: self.now)
        self._firmware.start()

    def _tell(self, kind: str, sample: int, /, **fields: object) -> None:
        self._timeline(kind, sample, **fields)
        self._still.witness(kind, fields)

    def _hold(self, _sample: int) -> None:
        self._broker.tick()
        self._still.hold()

    def _pull_the_plug(self) -> None:
        parts = self._firmware.parts
        with self._broker.out_of_reach():
            while parts.line.up and (parts.line.inbox or parts.line.arrived.wait(self._ways.patience_s)):
                parts.line.arrived.clear()
                for _ in parts.line.take(self._firmware.sample):
                    pass  # it was in memory only
            parts.line.stop()
        parts.outbox.close()
        self.board.close()

    def _settings(self, directory: Path, root: str) -> Path:
        ours: dict[str, dict[str, Any]] = {
            "device": {"state_dir": "state"},
            "cloud": {"root": root, "keys": self._note.name},
            "privacy": {"owner_reader": self.owner.public.encode()},
            "uplink": {
                "port": self._broker.port,
                "protocol": "3.1.1" if self._broker.kind == "amqtt" else "auto",  # amqtt is silent to MQTT 5
                "backoff_min_s": 0.02,
                "backoff_max_s": 0.1,
            },
        }
        return write_settings(directory / "device.toml", ours, self._ways.settings)
