"""A scenario: what happens in a room, in TOML, and what must be true afterwards. Reading only; nothing runs
here.

The timeline is a list of steps, each with one verb. Time goes on with `wait` and with `say` (to the end of
the sound), and jumps with `at_s`; everything else happens at the moment reached. docs/scenarios.md lists
the verbs.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hardware.board import RATE_HZ
from hardware.errors import Fault, SoundError
from hardware.lights import CUES
from hardware.sound import FileSound
from lab.errors import ScenarioError

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400 * 7)]
Moments = tuple[Seconds, Seconds]

VERBS = (
    "say", "noise", "tap", "hold", "release", "mute", "unmute", "microphone", "overrun", "broker_down",
    "broker_up", "wait", "command",
)  # fmt: skip


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody in command of the cloud tries: `do` is sent as it is, signed or not, retained or not."""

    do: str
    to: float | None = None
    signed: bool = True
    retained: bool = False


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step of the timeline: exactly one verb, and when or how."""

    say: str | None = None
    noise: str | None = None
    tap: Literal[True] | None = None
    hold: Literal[True] | None = None
    release: Literal[True] | None = None
    mute: Literal[True] | None = None
    unmute: Literal[True] | None = None
    microphone: Fault | Literal["well"] | None = None
    overrun: Annotated[int, msgspec.Meta(gt=0, le=RATE_HZ)] | None = None
    broker_down: Literal[True] | None = None
    broker_up: Literal[True] | None = None
    wait: Seconds | None = None
    command: Order | None = None
    at_s: Seconds | None = None
    gain_db: Annotated[float, msgspec.Meta(ge=-90, le=40)] = 0.0

    @property
    def verb(self) -> str:
        """The name of its one verb, or an empty string when it has none or several."""
        verbs = [verb for verb in VERBS if getattr(self, verb) is not None]
        return verbs[0] if len(verbs) == 1 else ""


Trigger = Literal["", "wake_word", "button_tap", "button_hold"]
EndReason = Literal[
    "", "silence", "no_speech", "max_duration", "released", "cancelled", "muted", "mic_lost", "error"
]


class Light(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the light must show at a moment, or all the time between two; `not_shows` must not be seen."""

    at_s: Seconds | None = None
    between: Moments | None = None
    shows: str | None = None
    not_shows: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it says when, and what: exactly one of each."""
        when = (self.at_s, self.between)
        what = (self.shows, self.not_shows)
        return when.count(None) == 1 and what.count(None) == 1


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be true afterwards. Lists are one entry an utterance, in order; "" means no matter what."""

    utterances: int | None = None
    complete: int | None = None
    rejected: int | None = None
    trigger: tuple[Trigger, ...] | None = None
    end_reason: tuple[EndReason, ...] | None = None
    heard: tuple[str, ...] | None = None
    answer: tuple[str, ...] | None = None
    microphone: tuple[Fault | Literal["well"], ...] | None = None
    nothing_sent_between: tuple[Moments, ...] = ()
    nothing_captured_between: tuple[Moments, ...] = ()
    deaf_between: tuple[Moments, ...] = ()
    kept_by_the_cloud: int | None = None
    lights: tuple[Light, ...] = ()


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A room, a timeline, and expectations. `path` is where it was read."""

    title: str
    timeline: tuple[Step, ...]
    promises: tuple[Annotated[int, msgspec.Meta(ge=1, le=9)], ...] = ()
    length_s: Seconds | None = None
    noise_floor: Annotated[float, msgspec.Meta(ge=0, le=3000)] = 3.0
    echo_db: Annotated[float, msgspec.Meta(ge=-200, le=0)] = -30.0
    seed: int = 0
    speaker: dict[str, dict[str, Any]] = {}
    cloud: dict[str, dict[str, Any]] = {}
    expect: Expect = Expect()
    path: Path = Path()


class Moment(msgspec.Struct, frozen=True):
    """A step placed in time: `sample` is when it happens."""

    sample: int
    step: Step


def read(path: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: no such file, not TOML, an unknown word, a step without exactly one verb.
    """
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}; name a scenario that can be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}; mend the TOML") from error
    settings["path"] = str(path)
    try:
        scenario = msgspec.convert(settings, Scenario, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{path}: {error}; see docs/scenarios.md for what is known") from error
    _check(path, scenario)
    return scenario


def _check(path: Path, scenario: Scenario) -> None:
    for number, step in enumerate(scenario.timeline, 1):
        if not step.verb:
            verbs = ", ".join(VERBS)
            raise ScenarioError(f"{path}: step {number} of the timeline: not exactly one of {verbs}")
    for light in scenario.expect.lights:
        cue = light.shows or light.not_shows
        if not light.whole:
            raise ScenarioError(f"{path}: a light needs `shows` or `not_shows`, and `at_s` or `between`")
        if cue not in CUES:
            raise ScenarioError(f"{path}: light {cue!r}: no such cue; one of {', '.join(CUES)}")


def place(scenario: Scenario) -> tuple[list[Moment], int]:
    """Return the steps with their sample indices, in order of time, and the length of the whole in samples.

    Raises:
        ScenarioError: a sound cannot be played.
    """
    moments: list[Moment] = []
    now = last = 0
    for step in scenario.timeline:
        if step.at_s is not None:
            now = samples(step.at_s)
        moments.append(Moment(now, step))
        if step.verb == "say":
            now += _length(scenario, step.say or "")
        elif step.verb == "wait":
            now += samples(step.wait or 0)
        last = max(last, now)
    length = samples(scenario.length_s) if scenario.length_s is not None else last + RATE_HZ
    return sorted(moments, key=lambda moment: moment.sample), length


def sound_path(scenario: Scenario, name: str) -> Path:
    """Return where a sound named in a scenario lies: beside the scenario."""
    return scenario.path.parent / name


def samples(seconds: float) -> int:
    """Return the nearest sample index of a moment."""
    return round(seconds * RATE_HZ)


def _length(scenario: Scenario, name: str) -> int:
    try:
        return FileSound(sound_path(scenario, name)).samples
    except SoundError as error:
        raise ScenarioError(f"{scenario.path}: {error}") from error
