"""Runs a scenario: a broker, a cloud and a speaker, all real, around a simulated room. One folder holds
what came of it.

Time is the sample index of the room's clock. At full speed the world waits for the line (see `gate`), so
that messages leave and answers arrive at the samples they would in real time; with `realtime` it is paced
and waits for nobody.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any, Literal, NamedTuple

import soundfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub import config as cloud_config
from cloud_stub.acks import Outgoing
from cloud_stub.broker import Broker, open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.whose import Whose
from device import config as device_config
from device.assemble import assemble
from device.envelope import ReaderKey, downlink, topics
from device.keys import write_private
from device.speaker import Speaker
from hardware.board import RATE_HZ
from hardware.sim import SimBoard
from hardware.world import Speed
from lab import world
from lab.audit.doors import keep_head
from lab.enclosure.enclosure import Enclosure
from lab.folder import TIMELINE, Settings, clear, export, write_settings
from lab.gate import Gate
from lab.mind import shared_mind
from lab.scenario import Moment, Order, Scenario, place, sound_path
from lab.tap import Tap
from lab.timeline import Event, Timeline

BrokerKind = Literal["auto", "mosquitto", "amqtt"]

Detour = Callable[[int, Callable[[], int]], int]
"""Given the broker's port and the room's clock, returns the port that the speaker is to call instead."""


class Around(NamedTuple):
    """Who else is there. `detour` leads between speaker and broker; `corrupt` makes a rogue of the speaker
    before it runs, and `corrupt_cloud` one of the cloud; with `captured` the speaker is alone with one cable
    (`lab.enclosure`), and there is no detour.
    """

    detour: Detour | None = None
    corrupt: Callable[[Speaker], None] | None = None
    corrupt_cloud: Callable[[Cloud], None] | None = None
    captured: bool = False


ALONE = Around()

_HANDS = frozenset({"tap", "hold", "release", "mute", "unmute"})
_CLOCK_EVERY_SAMPLES = 1600


class Outcome(NamedTuple):
    """What came of a run: its folder, its events, what the light showed, what the microphone gave and what it
    lost (first sample, how many), and how long the room sounded.
    """

    directory: Path
    scenario: Scenario
    events: list[Event]
    shown: list[tuple[int, str]]
    frames_read: list[tuple[int, int]]
    missed: list[tuple[int, int]]
    samples: int
    waiting: set[str]
    played: list[tuple[int, int]]
    kept_by_the_cloud: int


def simulate(
    scenario: Scenario,
    directory: Path,
    *,
    realtime: bool = False,
    broker_kind: BrokerKind = "auto",
    watch: Callable[[Event], None] | None = None,
    around: Around = ALONE,
) -> Outcome:
    """Run `scenario` and leave everything that came of it in `directory`.

    Raises:
        LabError, DeviceError, HardwareError, CloudError: something that the run needs cannot be used.
    """
    place(scenario)  # a sound that is missing must not cost an earlier run
    clear(directory)
    with ExitStack() as stack:
        timeline = stack.enter_context(Timeline(directory / TIMELINE, watch))
        broker = stack.enter_context(open_broker(broker_kind, 0, directory / "broker"))
        pace: Speed = "realtime" if realtime else "fast"
        home = _Home(scenario, directory, timeline, broker, pace)
        stack.callback(home.close)
        if around.corrupt_cloud is not None:
            around.corrupt_cloud(home.cloud)
        if around.captured:
            stack.enter_context(home.enclosed())
        home.move_in(around.detour or _straight)
        if around.corrupt is not None:
            around.corrupt(home.speaker)
        return home.run(paced=realtime)


class _Home:
    """One speaker at home: what `simulate` builds, wires and runs."""

    def __init__(
        self,
        scenario: Scenario,
        directory: Path,
        timeline: Timeline,
        broker: Broker,
        pace: Speed,
    ) -> None:
        self._scenario = scenario
        self._directory = directory
        self._timeline = timeline
        self._broker = broker
        self._moments, self._samples = place(scenario)
        self._board = SimBoard(
            echo_db=scenario.echo_db, pace=pace, noise_floor=scenario.noise_floor, seed=scenario.seed,
            length_samples=self._samples,
        )  # fmt: skip
        self._tap = Tap(directory)
        self.cloud = self._open_cloud()
        self.cloud.start()
        self._owner = ReaderKey.generate("mlkem768-x25519")
        write_private(directory / "owner.key", self._owner.to_bytes())
        self._enclosure: Enclosure | None = None
        self._outside: Callable[[Callable[[], None]], None] = _at_once
        self._frames: list[tuple[int, int]] = []
        self._clock: list[tuple[int, int]] = []
        self._serial = 0
        self._tape = soundfile.SoundFile(directory / "room.flac", "w", RATE_HZ, 1, "PCM_16", format="FLAC")

    @contextmanager
    def enclosed(self) -> Iterator[None]:
        """What this thread does is done at the device's end of a cable. The cloud was started outside."""
        suite = self._scenario.speaker.get("privacy", {}).get("reader_suite", "mlkem768-x25519")
        with ExitStack() as stack:
            self._enclosure = Enclosure(self._directory, self._broker.port, suite)
            stack.callback(self._enclosure.close)
            outside = stack.enter_context(ThreadPoolExecutor(1, "outside"))
            outside.submit(_nothing).result()  # a thread begins where it was started from
            self._outside = lambda work: outside.submit(work).result()
            self._enclosure.open()
            stack.enter_context(self._enclosure.entered())
            yield

    def move_in(self, detour: Detour) -> None:
        """Put the speaker up, where this thread is."""
        self.speaker = self._open_speaker(detour(self._broker.port, lambda: self._board.now))
        self._gate = Gate(self.speaker)

    def run(self, *, paced: bool) -> Outcome:
        self._board.tape = self._tape
        for moment in self._moments:
            self._place(moment)
        self._board.gate = self._note_frames if paced else self._hold
        for sample, cue, rgb in self._board.shown:
            self._timeline("light", sample, cue=cue, rgb=list(rgb))
        self._board.panel.listener = self._light
        self.speaker.run()
        return self._outcome()

    def close(self) -> None:
        """Stop everything; whatever was written stays."""
        self._board.close()
        self.cloud.stop()
        keep_head(self._directory)
        self._tap.close()
        self._tape.close()

    def _open_cloud(self) -> Cloud:
        settings: Settings = {
            "storage": {"directory": "cloud"},
            "broker": {
                "kind": "none",
                "port": self._broker.port,
                "protocol": _protocol(self._broker),
                "backoff_min_s": 0.05,
                "backoff_max_s": 0.2,
            },
        }
        path = write_settings(self._directory / "cloud.toml", settings, self._scenario.cloud)
        address = ("127.0.0.1", self._broker.port)
        return Cloud(cloud_config.load(path), address, shared_mind(), watch=self)

    # -- what the cloud lets the laboratory see -----------------------------------------------------

    def arrived(self, topic: str, payload: bytes) -> None:
        """Write down what came through the broker."""
        self._tap.write(topic, payload)

    def heard(self, whose: Whose, words: Words) -> None:
        """Tell the timeline what the cloud made of an utterance."""
        self._timeline("heard", self._board.now, id=whose.utterance, text=words.heard, intent=words.intent)

    def _open_speaker(self, port: int) -> Speaker:
        note = self.cloud.keys.note(datetime.now(UTC))
        (self._directory / "keys.note").write_text(note, encoding="utf-8")
        settings: Settings = {
            "device": {"state_dir": "."},
            "cloud": {"root": self.cloud.keys.vkey, "keys": "keys.note"},
            "privacy": {"owner_reader": self._owner.public.encode()},
            "uplink": {
                "port": port,
                "protocol": _protocol(self._broker),
                "backoff_min_s": 0.05,
                "backoff_max_s": 0.2,
                **(self._enclosure.settings if self._enclosure else {}),
            },
        }
        path = write_settings(self._directory / "device.toml", settings, self._scenario.speaker)
        return assemble(device_config.load(path), self._board, self._timeline, scores=True)

    # -- the timeline's verbs ---------------------------------------------------------------------

    def _place(self, moment: Moment) -> None:
        step, sample = moment.step, moment.sample
        if step.say is not None or step.noise is not None:
            name = step.say or step.noise or ""
            self._board.room.say(
                sound_path(self._scenario, name), sample, step.gain_db, loop=step.noise is not None
            )
        self._board.at(sample, partial(self._happen, moment))

    def _happen(self, moment: Moment) -> None:
        step = moment.step
        what = step.say or step.noise or step.microphone or (step.command.do if step.command else None)
        if step.verb != "wait":
            self._timeline("scene", moment.sample, do=step.verb, what=what)
        board = self._board
        verbs: dict[str, Callable[[], object]] = {
            "tap": board.tap,
            "hold": board.press,
            "release": board.release,
            "mute": board.mute_on,
            "unmute": board.mute_off,
            "broker_down": self._broker_down,
            "broker_up": self._broker_up,
        }
        if step.microphone is not None:
            self._board.befall(step.microphone)
        elif step.overrun is not None:
            self._board.overrun(step.overrun)
        elif step.verb in verbs:
            verbs[step.verb]()
        elif step.command is not None:
            self._command(step.command)

    def _broker_down(self) -> None:
        self._gate.broker_up = False
        self._outside(self._broker.stop)
        if self._enclosure:
            self._enclosure.shut()

    def _broker_up(self) -> None:
        self._outside(self._broker.start)
        if self._enclosure:
            self._enclosure.open()
        self._gate.broker_up = True

    def _command(self, order: Order) -> None:
        self._serial = max(self._serial + 1, time_ns() // 1_000_000)  # as the cloud counts its own
        body: dict[str, Any] = {
            "v": 1,
            "device": self.speaker.parts.device,
            "serial": self._serial,
            "do": order.do,
        }
        if order.to is not None:
            body["to"] = order.to
        key = self.cloud.keys.signer if order.signed else Ed25519PrivateKey.generate()
        payload = downlink.sign("command", body, key)
        message = Outgoing(topics.command(self.speaker.parts.device), payload)
        self._gate.until_it_hears(partial(self.cloud.say, message, retain=order.retained))

    def _hold(self, sample: int) -> None:
        self._gate(sample)
        self._note_frames(sample)

    def _note_frames(self, sample: int) -> None:
        if sample % _CLOCK_EVERY_SAMPLES == 0:
            self._clock.append((sample, time_ns()))
        read = self._board.microphone.frames_read
        if not self._frames or self._frames[-1][1] != read:
            self._frames.append((sample, read))

    def _light(self, sample: int, cue: str, rgb: tuple[float, float, float]) -> None:
        self._board.shown.append((sample, cue, rgb))
        self._timeline("light", sample, cue=cue, rgb=list(rgb))

    def _outcome(self) -> Outcome:
        self._tape.flush()
        shown = [(sample, cue) for sample, cue, _ in self._board.shown]
        waiting = export(self._directory)
        world.write(self._directory, self._seen())
        return Outcome(
            directory=self._directory,
            scenario=self._scenario,
            events=self._timeline.events,
            shown=shown,
            frames_read=self._frames,
            missed=self._board.microphone.missed,
            samples=self._samples,
            waiting=waiting,
            played=[(sample, sample + len(pcm) // 2) for sample, pcm in self._board.played],
            kept_by_the_cloud=sum(held.state == "complete" for held in self.cloud.vault.utterances()),
        )

    def _seen(self) -> Iterator[world.Seen]:
        """What was seen of the speaker from outside, none of it told by the firmware."""
        for sample, cue, _ in self._board.shown:
            yield {"kind": "light", "sample": sample, "cue": cue}
        for sample, read in self._frames:
            yield {"kind": "frames", "sample": sample, "read": read}
        for sample, count in self._board.microphone.missed:
            yield {"kind": "lost", "sample": sample, "samples": count}
        for sample, pcm in self._board.played:
            yield {"kind": "played", "sample": sample, "samples": len(pcm) // 2}
        for sample, unix_ns in self._clock:
            yield {"kind": "clock", "sample": sample, "unix_ns": unix_ns}
        for moment in self._moments:
            yield from _done(moment)
        yield {"kind": "end", "sample": self._samples}


def _done(moment: Moment) -> Iterator[world.Seen]:
    """What somebody did to the speaker, or had the cloud say to it."""
    step, seen = moment.step, {"sample": moment.sample}
    if step.verb in _HANDS:
        yield {"kind": "hand", **seen, "do": step.verb}
    elif step.verb in ("broker_down", "broker_up"):
        yield {"kind": "broker", **seen, "up": step.verb == "broker_up"}
    elif step.command is not None:
        told = {"do": step.command.do, "signed": step.command.signed, "retained": step.command.retained}
        yield {"kind": "order", **seen, **told}


def _at_once(work: Callable[[], None]) -> None:
    work()


def _nothing() -> None:
    pass


def _straight(port: int, _now: Callable[[], int]) -> int:
    return port


def _protocol(broker: Broker) -> str:
    """amqtt never answers a client that speaks MQTT 5, which would cost a second of asking."""
    return "3.1.1" if broker.kind == "amqtt" else "auto"
