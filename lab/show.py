"""A run as it happens, on a terminal: one line an event that a person in the room would care about, then
tables.
"""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hardware.board import RATE_HZ
from lab import tap
from lab.evidence import Evidence
from lab.report import Row, Verdict
from lab.timeline import Event

_STYLES = {
    "trigger": "bold cyan", "utterance": "cyan", "answer": "green", "heard": "green", "mute": "bold red",
    "link": "yellow", "refused": "magenta", "rejected": "magenta", "verified": "cyan", "scene": "dim",
    "ack": "dim", "cover": "dim", "certificate": "dim", "dropped": "magenta",
    "resealed": "dim", "overrun": "yellow", "storage": "red", "microphone": "red", "damaged": "red",
}  # fmt: skip


def _scene(event: Event) -> str:
    what = f" {event['what']}" if event.get("what") else ""
    return f"in the room: {event['do'].replace('_', ' ')}{what}"


def _trigger(event: Event) -> str:
    word = f" “{event['word']}”, score {event['score']:.2f}" if event.get("word") else ": listening"
    return f"triggered by {event['trigger'].replace('_', ' ')}{word}"


_WORDS: dict[str, Callable[[Event], str]] = {
    "scene": _scene,
    "trigger": _trigger,
    "verified": lambda e: f"the second ear agrees, score {e['second_score']:.2f}: listening",
    "rejected": lambda e: (
        f"rejected: “{e['word']}” scored {e['first_score']:.2f} with the first ear, "
        f"{e['second_score']:.2f} with the second"
    ),
    "cover": lambda e: f"cover: {e['segments']} segments that hold no sound",
    "utterance": lambda e: f"kept {e['samples'] / RATE_HZ:.2f} s, ended by {e['reason'].replace('_', ' ')}",
    "heard": lambda e: f"the cloud heard: “{e['text']}”",
    "answer": lambda e: f"answered: “{e['text']}”",
    "ack": lambda e: f"the cloud has it: {e['state']}",
    "microphone": lambda e: (
        f"the microphone is well again, tried {e['tries']} times"
        if e["fault"] == "well"
        else f"the microphone fails ({e['fault']}): {e['why']}"
    ),
    "mute": lambda e: "muted: the microphone is closed" if e["on"] else "unmuted",
    "link": lambda e: (
        "connected to the broker" if e["up"] else "the broker is gone: keeping everything sealed"
    ),
    "refused": lambda e: f"refused: {e['why'].replace('_', ' ')}",
    "certificate": lambda e: f"the next certificate: {e['outcome'].replace('_', ' ')}",
    "dropped": lambda e: f"given up: an utterance that waited ({e['why'].replace('_', ' ')})",
    "overrun": lambda e: f"the microphone lost {e['samples'] / RATE_HZ * 1000:.1f} ms",
    "resealed": lambda _: "sealed anew: an utterance that waited too long",
    "storage": lambda e: f"the disk refuses: {e['why']}" if e["why"] else "the disk takes it again",
    "damaged": lambda e: str(e["what"]),
}


class Show:
    """Prints events to `console` as they come; messages that leave are counted and said in one line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._left: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Show one event; the signature that `Timeline` watches with."""
        if event["kind"] == "publish":
            self._left.append(event)
            return
        if event["kind"] in ("utterance", "link", "mute"):
            self.flush()
        words = _WORDS.get(event["kind"])
        if words is not None:
            self._line(event["sample"], words(event), _STYLES.get(event["kind"], ""))

    def flush(self) -> None:
        """Say what left since the last time."""
        left, self._left = self._left, []
        if left:
            total = sum(event["bytes"] for event in left)
            self._line(left[-1]["sample"], f"{_count(len(left), 'message')} left, {total:,} bytes", "blue")

    def _line(self, sample: int, words: str, style: str) -> None:
        self._console.print(
            f"[dim]{sample / RATE_HZ:8.2f} s[/]  [{style or 'default'}]{escape(words)}[/]", highlight=False
        )


def summary(evidence: Evidence) -> list[Row]:
    """Return the totals of a run: seconds heard, kept and sent, and to whom."""
    samples = evidence.outcome.samples
    dropped = sum(event["samples"] for event in evidence.of("rejected"))
    kept = sum(end - first for first, end in evidence.captured) - dropped
    rejected = len(evidence.of("rejected"))
    begun = len(evidence.of("trigger")) - sum(event["samples"] > 0 for event in evidence.of("rejected"))
    sent = sum(u["samples"] for u in evidence.utterances if u["id"] in evidence.complete)
    muted, lost = _muted(evidence), sum(count for _, count in evidence.outcome.missed)
    readers = sorted({reader.name for u in evidence.opened for reader in u.header.readers})
    size = sum(event["bytes"] for event in evidence.publishes)
    passed = [message.payload for message in tap.read(evidence.outcome.directory)]
    return [
        Row(
            "in the room",
            f"{samples / RATE_HZ:.2f} s",
            "what the room sounded like, from the first to the last sample",
        ),
        Row("heard", f"{(samples - muted - lost) / RATE_HZ:.2f} s", "by both ears, and dropped at once"),
        Row("muted", f"{muted / RATE_HZ:.2f} s", "the microphone was closed"),
        Row("kept", f"{kept / RATE_HZ:.2f} s", f"after {_count(begun, 'trigger')}"),
        Row(
            "rejected",
            _count(rejected, "wake"),
            f"proposed by the first ear and not by the second: {dropped / RATE_HZ:.2f} s dropped and wiped",
        ),
        Row(
            "sent",
            f"{sent / RATE_HZ:.2f} s",
            f"in {_count(len(evidence.publishes), 'message')} of {size:,} bytes in all",
        ),
        Row(
            "came through",
            _count(len(passed), "message"),
            f"{sum(map(len, passed)):,} bytes in sent.jsonl, last wills included",
        ),
        *_lost(evidence, lost),
        *_cover(evidence),
        Row("to", ", ".join(readers) or "nobody", "the readers whose keys open it"),
    ]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _lost(evidence: Evidence, lost: int) -> list[Row]:
    gaps = sum(len(opened.gaps) for opened in evidence.opened)
    note = f"by the microphone, this machine being too slow: {_count(gaps, 'gap')} marked in what was kept"
    return [Row("lost", f"{lost / RATE_HZ:.2f} s", note)] if lost else []


def _cover(evidence: Evidence) -> list[Row]:
    count = len(evidence.cover)
    note = "utterances without a sound, so that the others are not told by when they leave"
    return [Row("cover", str(count), note)] if count else []


def _muted(evidence: Evidence) -> int:
    total, began = 0, None
    for event in [*evidence.of("mute"), {"on": False, "sample": evidence.outcome.samples}]:
        if event["on"]:
            began = event["sample"] if began is None else began
        elif began is not None:
            total, began = total + event["sample"] - began, None
    return total


def tables(console: Console, evidence: Evidence, verdicts: list[Verdict]) -> None:
    """Print what was kept and why, the totals, and every expectation that failed."""
    kept = Table(title="What was kept, and why", title_justify="left")
    for heading in ("from", "seconds", "trigger", "ended by", "sent", "to", "heard"):
        kept.add_column(
            heading, justify="right" if heading in ("from", "seconds") else "left", no_wrap=heading != "heard"
        )
    for utterance in evidence.utterances:
        kept.add_row(*_row(evidence, utterance))
    console.print(kept)
    totals = Table(title="In all", title_justify="left", show_header=False)
    for row in summary(evidence):
        totals.add_row(row.name, row.value, row.note)
    console.print(totals)
    for verdict in verdicts:
        if not verdict.passed:
            console.print(
                f"[bold red]not true[/] {escape(verdict.expectation)}: {escape(verdict.difference)}",
                highlight=False,
            )
    passed = sum(verdict.passed for verdict in verdicts)
    console.print(f"{passed} of {len(verdicts)} expectations hold", highlight=False)


def _row(evidence: Evidence, utterance: dict[str, Any]) -> list[str]:
    name = utterance["id"]
    opened = next((u for u in evidence.opened if u.header.utterance == name), None)
    return [
        f"{utterance['first_sample'] / RATE_HZ:.2f} s",
        f"{utterance['samples'] / RATE_HZ:.2f}",
        evidence.trigger(name).replace("_", " "),
        utterance["reason"].replace("_", " "),
        "complete" if name in evidence.complete else "waits",
        ", ".join(reader.name for reader in opened.header.readers) if opened else "",
        escape(evidence.text("heard", name)),
    ]
