"""Traces of our own speaker: the real firmware, a real broker and a real cloud, and somebody on the wire.

Commands are said one after the other, each after a tap on the button, so that no wake word plays a part.
Times are the room's, in samples: the same however fast the machine is. What is written down is when records
passed, and how large they were; a trace never holds a payload.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hardware.board import RATE_HZ
from lab.errors import RunError
from lab.fingerprint.traces import COVER, Packet, Trace
from lab.fingerprint.wire import Record, Wire
from lab.folder import Settings
from lab.scenario import Scenario, Step
from lab.simulate import Around, BrokerKind, Outcome, simulate

FIRST_TAP_S = 2.0
WINDOW_S = 24.0
"""A trace is over after this, or when the next utterance begins: the published ones last up to 30 s."""

CONFIRMATION = 4
"""The size of an MQTT PUBACK that only says yes."""

NO_SETTINGS: Settings = {}


class Said(NamedTuple):
    """One command: its class, its sound, and how long after the tap it is said."""

    command: str
    sound: Path
    after_s: float


class Own(NamedTuple):
    """A trace of ours, and the name of the utterance that it is of."""

    utterance: str
    trace: Trace


def record(
    said: Sequence[Said],
    directory: Path,
    *,
    speaker: Settings = NO_SETTINGS,
    cloud: Settings = NO_SETTINGS,
    every_s: float = 26.0,
    broker: BrokerKind = "auto",
) -> list[Own]:
    """Say commands to a speaker and a cloud with these settings, and return a trace of each utterance, cover
    included.

    `directory` holds the run afterwards. `every_s` is the time from tap to tap: long enough for an answer.

    Raises:
        RunError: an utterance is missing. LabError, DeviceError, HardwareError, CloudError: the run failed.
    """
    steps = []
    for number, each in enumerate(said):
        tap_s = FIRST_TAP_S + number * every_s
        steps += [
            Step(tap=True, at_s=tap_s),
            Step(say=str(each.sound.resolve()), at_s=tap_s + each.after_s),
        ]
    length_s = FIRST_TAP_S + len(said) * every_s
    scenario = Scenario("fingerprint", tuple(steps), length_s=length_s, speaker=speaker, cloud=cloud)
    with Wire() as wire:
        outcome = simulate(scenario, directory, broker_kind=broker, around=Around(wire.between))
    return _cut(outcome, in_time(wire.records), said)


def in_time(records: Iterable[Record]) -> list[Record]:
    """Date what the speaker confirms by what it confirms, as it would be in real time.

    It confirms in a thread of its own, for which a world at full speed does not wait: what takes a
    millisecond would be dated seconds late.
    """
    dated, came = [], 0
    for each in records:
        if not each.up and each.size != CONFIRMATION:
            came = each.sample
        late = each.up and each.size == CONFIRMATION
        dated.append(each._replace(sample=came) if late else each)
    return sorted(dated, key=lambda each: each.sample)


def _cut(outcome: Outcome, records: Sequence[Record], said: Sequence[Said]) -> list[Own]:
    """Return the records of each utterance, from its trigger on."""
    begun = [event for event in outcome.events if event["kind"] in {"trigger", "cover"}]
    taps = [event["id"] for event in begun if event["kind"] == "trigger"]
    if len(taps) != len(said):
        raise RunError(f"{outcome.directory}: {len(said)} commands, {len(taps)} utterances; say them apart")
    commands = {name: each.command for name, each in zip(taps, said, strict=True)}
    ends = [event["sample"] for event in begun[1:]] + [outcome.samples]
    cut = []
    for event, end in zip(begun, ends, strict=True):
        name, first = event["id"], event["sample"]
        packets = _packets(records, first, min(end, first + round(WINDOW_S * RATE_HZ)))
        cut.append(Own(name, Trace(commands.get(name, COVER), packets)))
    return cut


def _packets(records: Sequence[Record], first: int, end: int) -> tuple[Packet, ...]:
    """Return what passed in the samples [first, end); time counts from there, in seconds."""
    return tuple(
        Packet((record.sample - first) / RATE_HZ, record.size, record.up)
        for record in records
        if first <= record.sample < end
    )
