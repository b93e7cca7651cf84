"""Stories that a laboratory might write down; the other tests of the report read what is made of them."""

import json
from pathlib import Path

import numpy as np
import soundfile

from device.ledger.rows import Row as LedgerRow
from device.ledger.rows import row_bytes
from lab.report.timeline import read_timeline

RATE = 16_000
COLOURS = {
    "idle": [0, 0, 0],
    "verifying": [0, 90, 200],
    "listening": [0, 190, 255],
    "processing": [120, 70, 255],
    "responding": [0, 200, 120],
    "muted": [255, 20, 10],
}


class Story:
    """Two minutes in front of a speaker, written down as the laboratory does."""

    def __init__(self, seconds: float = 120) -> None:
        self.rows: list[dict[str, object]] = []
        self.ledger: list[bytes] = []
        self.speech: list[tuple[float, float]] = []
        self.samples = round(seconds * RATE)
        self.down: tuple[float, float] | None = None
        self.told = 0

    def row(self, kind: str, at_s: float, **fields: object) -> None:
        self.rows.append({"kind": kind, "sample": round(at_s * RATE), **fields})

    def phase(self, at_s: float, phase: str) -> None:
        self.row("phase", at_s, phase=phase)
        self.row("light", at_s, cue=phase, rgb=COLOURS.get(phase, [0, 0, 0]))

    def publish(self, at_s: float, what: str, size: int, **of: object) -> None:
        part = f"utterance/{of['utterance']}/{what}" if "utterance" in of else what
        topic = None if what == "connect" else f"overheard/v1/ovh-kitchen/up/{part}"
        fields = {"topic": topic, "bytes": size, "sha256": "ab" * 32} if topic else {}
        index = len(self.ledger)
        self.ledger.append(row_bytes(LedgerRow(index=index, kind=what, **fields, **of)))
        self.row("publish", at_s, row=index, topic=topic, bytes=size, what=what, cause="utterance")

    def trigger(self, at_s: float, kind: str = "wake_word", score: float | None = None) -> None:
        index = len(self.ledger)
        self.ledger.append(row_bytes(LedgerRow(index=index, kind="trigger", cause=kind)))
        word = "alexa" if kind == "wake_word" else None
        self.row("trigger", at_s, trigger=kind, word=word, score=score)
        self.phase(at_s, "verifying" if word else "listening")

    def utterance(
        self, at_s: float, long_s: float, reason: str = "silence", early_s: float = 0, **said: str
    ) -> str:
        """Capture from `at_s` (or `early_s` before it) for `long_s`; what leaves waits for the broker."""
        self.told += 1
        name, first = f"{self.told:032x}", round((at_s - early_s) * RATE)
        samples, end_s = round((long_s + early_s) * RATE), at_s + long_s
        wait_s = self.down[1] if self.down and self.down[0] <= end_s <= self.down[1] else 0
        self.publish(max(at_s + 0.4, wait_s), "begin", 2710, utterance=name)
        for segment, start in enumerate(range(0, samples, 1280)):
            held = {"first_sample": first + start, "samples": min(1280, samples - start), "segment": segment}
            left_s = max(at_s + 0.4, (first + start + 1280) / RATE, wait_s)
            self.publish(left_s, "segment", 2582, utterance=name, **held)
        self.row("utterance", end_s, id=name, first_sample=first, samples=samples, reason=reason,
                 readers=["cloud 2024-05-01", "owner"])  # fmt: skip
        self.publish(max(end_s, wait_s), "end", 431, utterance=name)
        self.publish(max(end_s, wait_s) + 0.1, "checkpoint", 268)
        self.phase(end_s, "processing")
        done_s = max(end_s, wait_s) + 0.7
        self.row("ack", done_s - 0.2, id=name, state="complete")
        if said:
            self.row("heard", done_s, id=name, text=said["heard"], intent=said.get("intent"))
            self.row("answer", done_s, id=name, text=said["answer"])
            self.row("play", done_s, what="answer", samples=round(1.8 * RATE))
            self.phase(done_s, "responding")
        self.phase(done_s + (1.8 if said else 0), "idle")
        return name

    def say(self, at_s: float, words: str, long_s: float) -> None:
        self.row("scene", at_s, do="say", text=words, distance_m=2.5)
        self.speech.append((at_s, at_s + long_s))

    def sound(self) -> np.ndarray:
        """Return noise with syllables where something is said."""
        chance = np.random.default_rng(7)
        time_s = np.arange(self.samples) / RATE
        loud = 0.006 + 0.02 * (np.abs(time_s - 25) < 17) * (1 + np.sin(time_s * 2.1)) / 2
        for first_s, end_s in self.speech:
            inside = np.clip(np.minimum(time_s - first_s, end_s - time_s) * 12, 0, 1)
            loud = loud + 0.3 * inside * np.abs(np.sin(time_s * 10.3) * np.sin(time_s * 3.7)) ** 0.7
        return np.clip(loud * chance.standard_normal(self.samples) / 2, -1, 1)

    def scores(self, threshold: float = 0.85) -> None:
        """Write a score every 80 ms that follows the triggers."""
        wakes = [(int(str(r["sample"])), float(str(r["score"]))) for r in self.rows
                 if r["kind"] == "trigger" and r["score"] is not None]  # fmt: skip
        chance = np.random.default_rng(3)
        for sample in range(0, self.samples, 1280):
            near = [top * np.exp(-(((sample - at) / RATE / 0.28) ** 2)) for at, top in wakes]
            score = max([*near, 0.0]) + abs(float(chance.normal(0, 0.03)))
            self.row(
                "score", sample / RATE, word="alexa", score=round(min(1.0, score), 3), threshold=threshold
            )

    def write(self, directory: Path) -> Path:
        rows = sorted(self.rows, key=lambda row: int(str(row["sample"])))
        text = "".join(json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in rows)
        (directory / "timeline.jsonl").write_text(text, encoding="utf-8")
        (directory / "ledger.jsonl").write_bytes(b"".join(line + b"\n" for line in self.ledger))
        soundfile.write(str(directory / "room.flac"), self.sound(), RATE, subtype="PCM_16")
        return directory


def begun(seconds: float = 120) -> Story:
    story = Story(seconds)
    story.phase(0, "idle")
    story.row("link", 0, up=True)
    story.publish(0, "connect", 0)
    story.publish(0.1, "status", 182)
    return story


def evening() -> Story:
    """Return an honest two minutes: two wake words, a rejected one, a tap, a hold, mute, a broken broker."""
    story = begun()
    story.row("scene", 8, do="noise", what="television")
    story.say(13.6, "alexa, what time is it", 3.6)
    story.trigger(14.4, score=0.97)
    story.phase(14.8, "listening")
    story.utterance(14.4, 3.52, heard="what time is it", intent="TellTime", answer="It is half past seven")
    story.say(33.1, "a lexus is not a car for me", 2.4)
    story.trigger(33.6, score=0.88)
    story.phase(34, "idle")
    story.row("scene", 45.9, do="tap")
    story.say(46.4, "set a timer for five minutes", 2.2)
    story.trigger(46, "button_tap")
    story.utterance(46, 3.36, heard="set a timer for five minutes", intent="SetTimer", answer="Five minutes")
    story.row("scene", 60, do="mute", on=True)
    story.row("mute", 60, on=True)
    story.phase(60, "muted")
    story.say(63, "alexa, are you there", 2)
    story.row("scene", 66.5, do="tap")
    story.row("refused", 66.5, why="muted")
    story.row("scene", 72, do="mute", on=False)
    story.row("mute", 72, on=False)
    story.phase(72, "idle")
    story.down = (78, 92)
    story.row("scene", 78, do="broker_down")
    story.row("link", 78.2, up=False)
    story.say(81, "alexa, turn the volume up", 3)
    story.trigger(81.9, score=0.99)
    story.phase(82.3, "listening")
    story.row("scene", 92, do="broker_up")
    story.row("link", 92, up=True)
    story.publish(92, "connect", 0)
    story.utterance(81.9, 3.04, heard="turn the volume up", intent="SetVolume", answer="Louder")
    story.row("scene", 104, do="hold", seconds=2.6)
    story.say(104.3, "play something by miles davis", 2.1)
    story.trigger(104, "button_hold")
    story.utterance(
        104, 2.6, "released", heard="play something by miles davis", intent="Play", answer="Miles Davis"
    )
    story.scores()
    return story


def spoken(early_s: float = 0, triggered: bool = True) -> Story:
    """Return half a minute with one utterance of 2 s at 0:10."""
    story = begun(30)
    if triggered:
        story.trigger(10, score=0.93)
    story.utterance(10, 2, early_s=early_s)
    return story


def test_a_story_can_be_read_as_a_timeline(tmp_path: Path) -> None:
    timeline = read_timeline(evening().write(tmp_path) / "timeline.jsonl")
    assert timeline.threshold == 0.85
    assert len(timeline.scores["alexa"].samples) == 120 * RATE / 1280
