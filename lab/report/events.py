"""The rows of timeline.jsonl: what the laboratory saw happen, each at a sample index of the room.

Plain values; nothing here reads a file or judges what it holds.
"""

from typing import Annotated, Any

import msgspec

Samples = Annotated[int, msgspec.Meta(ge=0)]


class Event(msgspec.Struct, frozen=True, tag_field="kind", tag=str.lower):
    """Something that happened at a sample index of the room."""

    sample: Samples


class Phase(Event, frozen=True):
    """The phase from now on."""

    phase: str


class Light(Event, frozen=True):
    """The light from now on: red, green and blue as 0 to 255, or as fractions when none exceeds 1."""

    cue: str
    rgb: tuple[float, float, float]

    @property
    def css(self) -> str:
        """The colour as CSS writes it, or "" when the light is off."""
        scale = 255 if max(self.rgb) <= 1 else 1
        red, green, blue = (min(255, max(0, round(part * scale))) for part in self.rgb)
        return f"#{red:02x}{green:02x}{blue:02x}" if red or green or blue else ""


class Trigger(Event, frozen=True):
    """What starts an utterance; `threshold` may be added by whoever knows it."""

    trigger: str
    word: str | None = None
    score: float | None = None
    threshold: float | None = None


class Judged(Event, frozen=True):
    """What both ears gave a wake word, and what the second had to reach."""

    word: str
    first_score: float
    second_score: float
    threshold: float


class Verified(Judged, frozen=True):
    """The second ear agreed."""


class Rejected(Judged, frozen=True):
    """The second ear did not agree: what was captured of it was dropped."""

    first_sample: Samples = 0
    samples: Samples = 0


class Score(Event, frozen=True):
    """One output of the wake word detector, 0 to 1."""

    word: str
    score: float
    threshold: float | None = None


class Utterance(Event, frozen=True):
    """What was captured, written when it ended; `readers` may be added by whoever knows them."""

    id: str
    first_sample: Samples
    samples: Samples
    reason: str
    readers: tuple[str, ...] = ()


class Cover(Event, frozen=True):
    """An utterance that holds no sound began to leave; nothing triggered it."""

    id: str
    segments: int


class Publish(Event, frozen=True):
    """A message that left; `row` is its index in the ledger."""

    what: str
    bytes: Samples = 0
    topic: str | None = None
    row: int | None = None
    cause: str | None = None


class Link(Event, frozen=True):
    """Whether the broker can be reached from now on."""

    up: bool


class Ack(Event, frozen=True):
    """The cloud's word on an utterance."""

    id: str
    state: str


class Heard(Event, frozen=True):
    """What the cloud understood."""

    id: str
    text: str
    intent: str | None = None


class Answer(Event, frozen=True):
    """What the speaker was given to say."""

    id: str
    text: str


class Scene(Event, frozen=True):
    """What the laboratory did; `rest` holds whatever else the line says."""

    do: str
    rest: dict[str, Any] = {}  # msgspec copies the default


class Mute(Event, frozen=True):
    """Whether the microphone is closed from now on."""

    on: bool


class Microphone(Event, frozen=True):
    """What is wrong with the microphone from now on, or `well`; `tries`: how often it was opened anew."""

    fault: str
    why: str
    tries: int


class Refused(Event, frozen=True):
    """A trigger or command that was not obeyed."""

    why: str


class Unreachable(Event, frozen=True):
    """Why no connection came up."""

    why: str


class Certificate(Event, frozen=True):
    """What became of the next certificate: `kept`, `waiting`, `refused` or `not_ours`."""

    outcome: str


class Dropped(Event, frozen=True):
    """An utterance that waited was given up."""

    id: str
    why: str


class Resealed(Event, frozen=True):
    """An utterance that waited too long was sealed anew, under a new name."""

    id: str
    was: str


class Storage(Event, frozen=True):
    """The disk refuses, and why; with nothing in it, it takes again what is written down."""

    why: str


class Overrun(Event, frozen=True):
    """The microphone lost `samples` from here on: the machine was too slow."""

    samples: Samples


class Damaged(Event, frozen=True):
    """A damaged file was set aside."""

    what: str


class Play(Event, frozen=True):
    """What the loudspeaker plays."""

    what: str
    samples: Samples
