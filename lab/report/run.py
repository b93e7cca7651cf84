"""One run, put together from its timeline and its ledger: which trigger, message and answer belong where.

It joins rows and judges none; `check` does that.
"""

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

import msgspec

from lab.report.events import (
    Ack,
    Answer,
    Heard,
    Mute,
    Overrun,
    Phase,
    Publish,
    Trigger,
    Utterance,
)
from lab.report.ledger import Ledger, read_ledger
from lab.report.spans import Span, Stretch, stretches
from lab.report.timeline import Timeline, read_timeline

ENVELOPE = ("begin", "segment", "end")


class Message(msgspec.Struct, frozen=True):
    """A message that left, with what the ledger says it held."""

    sent: Publish
    known: bool
    utterance: str | None
    audio: Span | None

    @property
    def sealed(self) -> bool:
        """Whether it is part of an envelope, by its name or by its topic."""
        return self.utterance is not None or self.sent.what in ENVELOPE


class Told(msgspec.Struct, frozen=True):
    """An utterance with its number (1, 2, ...) and everything that is known about it."""

    number: int
    row: Utterance
    span: Span
    trigger: Trigger | None
    messages: tuple[Message, ...]
    heard: Heard | None
    answer: Answer | None
    ack: str | None


class Run(msgspec.Struct, frozen=True):
    """Everything that the page shows; `samples` is the length of the time axis."""

    samples: int
    timeline: Timeline
    ledger: Ledger
    told: tuple[Told, ...]
    messages: tuple[Message, ...]
    phases: tuple[Stretch, ...]
    muted: tuple[Span, ...]
    lost: tuple[Span, ...]


def read_run(directory: Path, room_samples: int) -> Run:
    """Read DIR/timeline.jsonl and DIR/ledger.jsonl. Raises ReportError."""
    timeline, ledger = read_timeline(directory / "timeline.jsonl"), read_ledger(directory / "ledger.jsonl")
    samples = max(room_samples, timeline.last_sample, 1)
    messages = tuple(_message(sent, ledger) for sent in timeline.of(Publish))
    phases = stretches(((row.sample, row.phase) for row in timeline.of(Phase)), samples)
    switch = stretches(((row.sample, "on" if row.on else "off") for row in timeline.of(Mute)), samples)
    muted = tuple(Span(s.first, s.end) for s in switch if s.what == "on")
    lost = tuple(Span(row.sample, row.sample + row.samples) for row in timeline.of(Overrun))
    return Run(samples, timeline, ledger, _told(timeline, messages), messages, tuple(phases), muted, lost)


def _message(sent: Publish, ledger: Ledger) -> Message:
    row = ledger.rows.get(sent.row) if sent.row is not None else None
    parts = (sent.topic or "").split("/")
    named = parts[parts.index("utterance") + 1 :][:1] if "utterance" in parts else []
    if row is None:
        return Message(sent, False, named[0] if named else None, None)
    known = row.kind == sent.what and (  # a connect has no topic, and its row may lack the bytes
        row.kind == "connect" or (row.bytes, row.topic) == (sent.bytes, sent.topic)
    )
    audio = None
    if row.kind == "segment" and row.first_sample is not None and row.samples is not None:
        audio = Span(row.first_sample, row.first_sample + row.samples)
    known = known and (row.kind != "segment" or audio is not None)
    return Message(sent, known, row.utterance or (named[0] if named else None), audio)


def _told(timeline: Timeline, messages: Iterable[Message]) -> tuple[Told, ...]:
    sent: dict[str, list[Message]] = {}
    for message in messages:
        sent.setdefault(message.utterance or "", []).append(message)
    heard = {row.id: row for row in timeline.of(Heard)}
    answers = {row.id: row for row in timeline.of(Answer)}
    acks = {row.id: row.state for row in timeline.of(Ack)}
    rows = sorted(timeline.of(Utterance), key=lambda row: row.first_sample)
    told = []
    for number, (row, trigger) in enumerate(zip(rows, _triggers(rows, timeline), strict=True), start=1):
        span = Span(row.first_sample, row.first_sample + row.samples)
        mine = tuple(sent.get(row.id, ()))
        told.append(
            Told(number, row, span, trigger, mine, heard.get(row.id), answers.get(row.id), acks.get(row.id))
        )
    return tuple(told)


def _triggers(rows: list[Utterance], timeline: Timeline) -> list[Trigger | None]:
    """Find the trigger of each utterance.

    A trigger serves one utterance, and only until the speaker is idle or muted again: so a rejected
    wake word cannot excuse what is kept seconds later. An utterance that begins before any trigger
    that is free is given the first one that falls inside it, and `check` then sees that it came late.
    """
    free = timeline.of(Trigger)
    rests = [row.sample for row in timeline.of(Phase) if row.phase in {"idle", "muted"}]
    found: list[Trigger | None] = []
    for row in rows:
        first, end = row.first_sample, row.first_sample + row.samples
        rested = rests[bisect_right(rests, first) - 1] if rests and rests[0] <= first else -1
        before = [t for t in free if rested <= t.sample <= first]
        inside = [t for t in free if first < t.sample < end]
        trigger = before[-1] if before else inside[0] if inside else None
        if trigger is not None:
            free = [t for t in free if t.sample > trigger.sample]
        found.append(trigger)
    return found
