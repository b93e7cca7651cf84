"""timeline.jsonl as typed rows. Reading only; a line that breaks the schema stops the report.

Scores are many (one every 10 to 80 ms), so they are kept as two flat arrays a wake word and not as rows.
"""

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lab.report.errors import ReportError
from lab.report.events import (
    Ack,
    Answer,
    Certificate,
    Cover,
    Damaged,
    Dropped,
    Event,
    Heard,
    Light,
    Link,
    Microphone,
    Mute,
    Overrun,
    Phase,
    Play,
    Publish,
    Refused,
    Rejected,
    Resealed,
    Scene,
    Score,
    Storage,
    Trigger,
    Unreachable,
    Utterance,
    Verified,
)

AnyEvent = (
    Phase
    | Light
    | Trigger
    | Score
    | Utterance
    | Cover
    | Publish
    | Link
    | Ack
    | Heard
    | Answer
    | Scene
    | Mute
    | Microphone
    | Refused
    | Certificate
    | Damaged
    | Dropped
    | Resealed
    | Overrun
    | Storage
    | Unreachable
    | Verified
    | Rejected
    | Play
)
E = TypeVar("E", bound=Event)


class Scores:
    """The scores of one wake word in order of time."""

    def __init__(self) -> None:
        self.samples = array("q")
        self.values = array("f")


class Timeline:
    """All rows of a run, sorted by sample; rows of the same sample keep the order of the file."""

    def __init__(self, events: list[Event], scores: dict[str, Scores], threshold: float | None) -> None:
        self._events = sorted(events, key=lambda event: event.sample)
        self.scores = scores
        self.threshold = threshold

    def of(self, kind: type[E]) -> list[E]:
        """Return the rows of one kind, in order."""
        return [event for event in self._events if isinstance(event, kind)]

    @property
    def last_sample(self) -> int:
        """The sample of the last row, 0 for an empty timeline."""
        ends = [*self._events[-1:]]
        return max(
            [event.sample for event in ends] + [s.samples[-1] for s in self.scores.values()], default=0
        )


def read_lines(path: Path, take: Callable[[bytes], None]) -> None:
    """Give every line of a JSONL file to `take`.

    Raises:
        ReportError: the file is absent, or `take` could not read a line.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    take(line)
                except msgspec.DecodeError as error:  # its subclass ValidationError says which field
                    raise ReportError(f"{path.name}:{number}: {error}; run the scenario again") from error
    except OSError as error:
        raise ReportError(f"{path.name}: {error.strerror}; run the scenario again") from error


def read_timeline(path: Path) -> Timeline:
    """Read timeline.jsonl. Raises ReportError as `read_lines` does."""
    decoder = msgspec.json.Decoder(AnyEvent)
    events: list[Event] = []
    scores: dict[str, Scores] = {}
    thresholds: list[float] = []

    def take(line: bytes) -> None:
        event: Event = decoder.decode(line)
        if isinstance(event, Score | Trigger) and event.threshold is not None:
            thresholds[:] = [event.threshold]
        if isinstance(event, Score):
            of_word = scores.setdefault(event.word, Scores())
            of_word.samples.append(event.sample)
            of_word.values.append(event.score)
            return
        if isinstance(event, Scene):
            rest = msgspec.json.decode(line, type=dict[str, Any])
            rest = {name: rest[name] for name in rest if name not in {"kind", "sample", "do"}}
            event = Scene(event.sample, event.do, rest)
        events.append(event)

    read_lines(path, take)
    return Timeline(events, scores, thresholds[0] if thresholds else None)
