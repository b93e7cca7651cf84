"""What a run left behind, in the form that checks ask for. It reads the folder and judges nothing.

Triggers, utterances, departures, mutes and acknowledgements are what the speaker told of itself. The room,
the hands, the light, the loudspeaker, the frames read and what the broker passed on were seen from outside.
"""

from bisect import bisect_right
from functools import cached_property
from typing import Any

import soundfile

from device.envelope import EnvelopeError, Gap, Utterance
from device.ledger import parse_row
from lab import opening
from lab.errors import RunError
from lab.names import Names
from lab.simulate import Outcome
from lab.timeline import Event

LISTENING_LIGHTS = frozenset({"verifying", "listening"})

Span = tuple[int, int]


class Evidence:
    """The evidence of one run. Spans are (first sample, sample after the last)."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._by_kind: dict[str, list[Event]] = {}
        for event in outcome.events:
            self._by_kind.setdefault(event["kind"], []).append(event)

    def of(self, kind: str) -> list[Event]:
        """Events of one kind."""
        return self._by_kind.get(kind, [])

    @property
    def utterances(self) -> list[Event]:
        """The utterances that ended, in order."""
        return self.of("utterance")

    @property
    def publishes(self) -> list[Event]:
        """Every message that left."""
        return self.of("publish")

    @property
    def cover(self) -> list[Event]:
        """The utterances that hold no sound, so the speaker says, in order."""
        return self.of("cover")

    @property
    def acknowledged(self) -> set[str]:
        """Whatever the cloud acknowledged as complete, cover included."""
        return {ack["id"] for ack in self.of("ack") if ack["state"] == "complete"}

    @property
    def complete(self) -> set[str]:
        """The utterances that the cloud acknowledged as complete."""
        return self.acknowledged - {cover["id"] for cover in self.cover}

    @property
    def captured(self) -> list[Span]:
        """What was kept, if only until a wake was rejected: what the speaker told of, and what its messages
        hold, told or not.
        """
        told = [*self.utterances, *self.of("rejected"), *(e for e in self.of("refused") if "samples" in e)]
        kept = {(e["first_sample"], e["first_sample"] + e["samples"]) for e in told}
        sent = {(u.header.first_sample, u.header.first_sample + len(u.pcm) // 2) for u in self.opened}
        return sorted((first, end) for first, end in kept | sent if first < end)

    @property
    def muted(self) -> list[Span]:
        """When it must have been deaf: by what the speaker told, and by where a hand had slid the switch."""
        by_hand = [
            (e["sample"], e["do"] == "mute") for e in self.of("scene") if e["do"] in ("mute", "unmute")
        ]
        told = [(e["sample"], bool(e["on"])) for e in self.of("mute")]
        end = (self.outcome.samples, False)
        return [*_spans([*by_hand, end]), *_spans([*told, end])]

    def trigger(self, utterance: str) -> str:
        """What kind of trigger began an utterance."""
        return next((str(t["trigger"]) for t in self.of("trigger") if t["id"] == utterance), "")

    def text(self, kind: str, utterance: str) -> str:
        """What the cloud heard in an utterance, or answered to it."""
        return next((str(e["text"]) for e in self.of(kind) if e["id"] == utterance), "")

    def cues(self, first: int, end: int) -> set[str]:
        """Every cue that the light showed from `first` until before `end` (or at `first`)."""
        shown = self.outcome.shown
        before = bisect_right([sample for sample, _ in shown], first) - 1
        now = shown[before][1] if before >= 0 else "idle"
        return {now} | {cue for sample, cue in shown if first < sample < end}

    @cached_property
    def listening_lights(self) -> list[Span]:
        """When the light said that the speaker listens."""
        lit = [(sample, cue in LISTENING_LIGHTS) for sample, cue in self.outcome.shown]
        return _spans([*lit, (self.outcome.samples, False)])

    def frames_read(self, first: int, end: int) -> list[int]:
        """The samples between `first` and `end` at which a frame of the microphone had been read."""
        return [sample for sample, _ in self.outcome.frames_read if first < sample <= end]

    def missed(self, first: int, end: int) -> list[Gap]:
        """What the microphone lost between `first` and `end`, counted from `first`."""
        spans = [(max(at, first), min(at + lost, end)) for at, lost in self.outcome.missed]
        return [Gap(at - first, until - at) for at, until in spans if at < until]

    @property
    def opened(self) -> list[Utterance]:
        """Every complete utterance that opens with the owner's key."""
        return [each for each in self._tried if isinstance(each, Utterance)]

    @property
    def unopened(self) -> list[str]:
        """Of every other complete utterance, why it does not open."""
        return [str(each) for each in self._tried if isinstance(each, EnvelopeError)]

    @cached_property
    def _tried(self) -> list[Utterance | EnvelopeError]:
        key = opening.read_key(self.outcome.directory / "owner.key")
        return list(opening.open_each(self.outcome.directory, key))

    @cached_property
    def names(self) -> Names:
        """The names that utterances had, by the ledger."""
        lines = (self.outcome.directory / "ledger.jsonl").read_bytes().splitlines()
        return Names(map(parse_row, lines))

    def room(self, first: int, count: int) -> bytes:
        """Return what the room sounded like, s16le.

        Raises:
            RunError: the recording of the room cannot be read.
        """
        path = self.outcome.directory / "room.flac"
        try:
            with soundfile.SoundFile(path) as file:
                file.seek(first)
                pcm: Any = file.read(count, dtype="int16")
        except (OSError, soundfile.SoundFileError) as error:
            raise RunError(f"{path}: {error}; run the scenario again") from error
        return bytes(pcm.tobytes())

    def heard(self, first: int, count: int) -> bytes:
        """Return what reached the speaker of it: nothing but zeros where the microphone lost samples."""
        heard = bytearray(self.room(first, count))
        for gap in self.missed(first, first + count):
            heard[2 * gap.first : 2 * gap.end] = bytes(2 * gap.samples)
        return bytes(heard)


def _spans(changes: list[tuple[int, bool]]) -> list[Span]:
    """The spans between a change to on and the next to off."""
    spans: list[Span] = []
    began: int | None = None
    for sample, on in changes:
        if on and began is None:
            began = sample
        elif not on and began is not None:
            spans.append((began, sample))
            began = None
    return [(first, end) for first, end in spans if first < end]
