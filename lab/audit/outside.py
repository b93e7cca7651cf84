"""What was seen from outside the speaker: frames, light and hands (promises 2, 3 and 7). It knows no key."""

from collections.abc import Iterator
from itertools import pairwise

from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence, Span
from lab.audit.sound import FRAME_SAMPLES, RATE_HZ, muted_by_hand
from lab.audit.verdicts import Check, Finding

LISTENING = frozenset({"verifying", "listening"})
LONGEST_SAMPLES = 30 * RATE_HZ + 16 * FRAME_SAMPLES


def _deaf(evidence: Evidence) -> Iterator[Finding]:
    """No frame is read while a hand has muted, but for the one that was being read."""
    for began, end in muted_by_hand(evidence):
        for seen in _frames(evidence):
            if began + FRAME_SAMPLES < seen["sample"] <= end:
                yield Finding(
                    f"a frame was read at sample {seen['sample']}, muted since {began}", "world.jsonl"
                )
                break


def _shown(evidence: Evidence) -> Iterator[Finding]:
    """While a hand has muted, the light says so, from two frames after it to its end."""
    for began, end in muted_by_hand(evidence):
        for (first, last), cue in _lights(evidence):
            if cue != "muted" and first < end and last > began + 2 * RATE_HZ // 10:
                yield Finding(
                    f"the light showed {cue} at sample {max(first, began)}, muted since {began}",
                    "world.jsonl",
                )


def _by_hand(evidence: Evidence) -> Iterator[Finding]:
    """Where the light stops to say muted, a hand had unmuted: nothing else opens the microphone."""
    unmuted = [hand["sample"] for hand in evidence.seen("hand") if hand["do"] == "unmute"]
    for ((first, last), cue), _ in pairwise(_lights(evidence)):
        if cue == "muted" and not any(first <= hand <= last for hand in unmuted):
            yield Finding(f"muted from sample {first} to {last}, and no hand ended it", "world.jsonl")


def _light(evidence: Evidence) -> Iterator[Finding]:
    """The light is on for exactly what was captured: what left, and what was given up with a row."""
    lights = _joined(span for span, cue in _lights(evidence) if cue in LISTENING)
    captured = set(_captured(evidence))
    for span in sorted(captured - set(lights)):
        yield Finding(
            f"captured from sample {span[0]} to {span[1]}, and the light was not on for just these",
            "world.jsonl",
        )
    for span in lights:
        if span not in captured:
            yield Finding(
                f"the light was on from sample {span[0]} to {span[1]}, and nothing says what for",
                "world.jsonl",
            )


def _ends(evidence: Evidence) -> Iterator[Finding]:
    """The light of listening goes out again."""
    for first, last in _joined(span for span, cue in _lights(evidence) if cue in LISTENING):
        if last - first > LONGEST_SAMPLES:
            yield Finding(
                f"it listened for {(last - first) / RATE_HZ:.1f} s from sample {first} on", "world.jsonl"
            )


def _captured(evidence: Evidence) -> Iterator[Span]:
    for opened in evidence.opened:
        if opened.utterance.pcm:
            yield opened.span
    for row in evidence.rows:
        if (
            row.kind in ("rejected_wake", "refused", "dropped")
            and row.samples
            and row.first_sample is not None
        ):
            yield row.first_sample, row.first_sample + row.samples


def _frames(evidence: Evidence) -> list[dict[str, int]]:
    frames = evidence.seen("frames")
    if not frames:
        raise NotGiven("the number of frames that the microphone gave, in world.jsonl")
    return frames


def _lights(evidence: Evidence) -> list[tuple[Span, str]]:
    """What the light showed, and from when to when."""
    seen = [*evidence.seen("light"), *evidence.seen("end")]
    if len(seen) < 2:
        raise NotGiven("what the light showed, in world.jsonl")
    return [
        ((now["sample"], then["sample"]), now["cue"])
        for now, then in pairwise(seen)
        if now["sample"] < then["sample"]
    ]


def _joined(spans: Iterator[Span]) -> list[Span]:
    joined: list[Span] = []
    for first, last in spans:
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


CHECKS = (
    Check("world.deaf", 2, "not one frame was read while a hand had muted", _deaf),
    Check("world.shown", 2, "the light said muted for as long", _shown),
    Check("world.by_hand", 2, "only a hand ended what was shown as muted", _by_hand),
    Check("world.no_remote", 3, "only a hand ended what was shown as muted", _by_hand),
    Check("world.light", 7, "the light was on for exactly the samples that were captured", _light),
    Check("world.ends", 7, "the light of listening went out within 30 s", _ends),
)
