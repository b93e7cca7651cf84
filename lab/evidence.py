"""What a run left behind, in the form that checks ask for. It reads the folder and judges nothing."""

from bisect import bisect_right
from functools import cached_property
from typing import Any

import soundfile

from device.envelope import Utterance
from lab import opening
from lab.errors import RunError
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
    def complete(self) -> set[str]:
        """The utterances that the cloud acknowledged as complete."""
        return {ack["id"] for ack in self.of("ack") if ack["state"] == "complete"}

    @property
    def captured(self) -> list[Span]:
        """What was kept, if only until a wake was rejected."""
        kept = [*self.utterances, *(e for e in self.of("refused") if "samples" in e)]
        return sorted((e["first_sample"], e["first_sample"] + e["samples"]) for e in kept)

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
        spans: list[Span] = []
        began: int | None = None
        for sample, cue in [*self.outcome.shown, (self.outcome.samples, "idle")]:
            if cue in LISTENING_LIGHTS and began is None:
                began = sample
            elif cue not in LISTENING_LIGHTS and began is not None:
                spans.append((began, sample))
                began = None
        return [span for span in spans if span[0] < span[1]]

    def frames_read(self, first: int, end: int) -> list[int]:
        """The samples between `first` and `end` at which a frame of the microphone had been read."""
        return [sample for sample, _ in self.outcome.frames_read if first < sample <= end]

    @cached_property
    def opened(self) -> list[Utterance]:
        """Every complete utterance, opened with the owner's key."""
        key = opening.read_key(self.outcome.directory / "owner.key")
        return opening.open_all(self.outcome.directory, key)

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
