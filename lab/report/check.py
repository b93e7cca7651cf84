"""Did anything leave that should not have? The answer in one sentence, computed from the rows.

It compares what the timeline and the ledger say with each other. Whether the envelopes hold what the
ledger says is for `lab.audit`, which can open them.
"""

from collections.abc import Iterable

import msgspec

from device.ledger.rows import LEFT
from lab.report.axis import RATE_HZ
from lab.report.run import Message, Run, Told
from lab.report.spans import Span, common, length, minus, union


class Fault(msgspec.Struct, frozen=True):
    """A promise that the rows contradict: a clause of the sentence, and where to look."""

    says: str
    where: tuple[Span, ...]
    answer: str
    utterances: tuple[int, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """The sentence above the picture, the faults that make it red, and the messages that are wrong."""

    sentence: str
    faults: tuple[Fault, ...]
    kept: tuple[Span, ...]
    sent: tuple[Span, ...]
    wrong: frozenset[Message]

    @property
    def answer(self) -> str:
        """Did anything leave before the wake word? The worst answer that a fault gives."""
        given = {fault.answer for fault in self.faults}
        return next((answer for answer in ANSWERS if answer in given), "No.")

    @property
    def wrong_samples(self) -> list[Span]:
        """Every sample that any fault points at."""
        return union(span for fault in self.faults for span in fault.where)


ANSWERS = YES, PERHAPS, NO_BUT = "Yes.", "It cannot be ruled out.", "No, but something else is wrong."
EARLY, UNTRIGGERED = "from before a trigger", "without any trigger"
OUTSIDE, MUTED = "from outside any utterance", "while muted"


def check(run: Run) -> Finding:
    """Judge a run by its rows."""
    kept = union(told.span for told in run.told)
    sent = union(message.audio for message in run.messages if message.audio)
    by_id = {told.row.id: told for told in run.told}
    wrong = {why: [m for m in run.messages if broke(m, by_id.get(m.utterance or ""))] for why, broke in RULES}
    counted = (_counted(why, messages) for why, messages in wrong.items() if messages)
    faults = (*_audio_faults(run, by_id), *counted)
    astray = [
        m for m in run.messages if m.audio and _astray([m.audio], by_id.get(m.utterance or ""), run.muted)
    ]
    messages = frozenset(astray).union(*wrong.values())
    return Finding(_sentence(run, kept, sent, faults), faults, tuple(kept), tuple(sent), messages)


def seconds(samples: int) -> str:
    """Write a length for people: milliseconds below a second, so that no breach rounds to nothing."""
    if samples >= 600 * RATE_HZ:
        return f"{samples / RATE_HZ / 60:.1f} min"
    if 0 < samples < RATE_HZ:
        return f"{max(1, round(samples * 1000 / RATE_HZ))} ms"
    return f"{samples / RATE_HZ:.1f} s"


def _sentence(run: Run, kept: list[Span], sent: list[Span], faults: tuple[Fault, ...]) -> str:
    heard = minus([Span(0, run.samples)], [*run.muted, *run.lost])
    apart = "".join(
        f", {seconds(length(spans))} {what}"
        for what, spans in (("muted", run.muted), ("lost", run.lost))
        if spans
    )
    facts = (
        f"{seconds(length(heard))} heard{apart}, {seconds(length(kept))} kept, {seconds(length(sent))} sent"
    )
    return f"{facts}, " + ("but " + "; ".join(f.says for f in faults) if faults else f"nothing {EARLY}")


def _astray(audio: list[Span], told: Told | None, muted: Iterable[Span]) -> dict[str, list[Span]]:
    """Return the samples of `audio` that its utterance does not excuse, by why; empty when all is well."""
    if told is None:
        return {OUTSIDE: audio} if length(audio) else {}
    if told.trigger is None:
        return {UNTRIGGERED: audio}
    before = common(audio, [Span(0, told.trigger.sample)])
    found = {
        EARLY: before,
        OUTSIDE: minus(minus(audio, before), [told.span]),
        MUTED: common(audio, muted),
    }
    return {why: spans for why, spans in found.items() if spans}


def _audio_faults(run: Run, by_id: dict[str, Told]) -> list[Fault]:
    """Return a fault for each reason why audio was kept or sent that should not have been."""
    kept: dict[str, list[Span]] = {}
    sent: dict[str, list[Span]] = {}
    numbers: dict[str, set[int]] = {}

    def note(into: dict[str, list[Span]], audio: list[Span], told: Told | None) -> None:
        for why, spans in _astray(union(audio), told, run.muted).items():
            if length(spans):
                into.setdefault(why, []).extend(spans)
                numbers.setdefault(why, set()).update({told.number} if told else ())

    for told in run.told:
        note(kept, [told.span], told)
        note(sent, [m.audio for m in told.messages if m.audio], told)
    note(sent, [m.audio for m in run.messages if m.audio and (m.utterance or "") not in by_id], None)
    return [
        _audio_fault(why, union(kept.get(why, [])), union(sent.get(why, [])), numbers[why])
        for why in (EARLY, UNTRIGGERED, OUTSIDE, MUTED)
        if why in numbers
    ]


def _audio_fault(why: str, kept: list[Span], sent: list[Span], numbers: set[int]) -> Fault:
    did = [(kept, "kept"), (sent, "sent")] if kept != sent else [(kept, "kept and sent")]
    says = " and ".join(f"{seconds(length(spans))} {done}" for spans, done in did if spans)
    answer = YES if sent and why != MUTED else NO_BUT
    return Fault(f"{says} {why}", tuple(union([*kept, *sent])), answer, tuple(sorted(numbers)))


def _hasty(message: Message, told: Told | None) -> bool:
    return told is not None and told.trigger is not None and message.sent.sample < told.trigger.sample


HASTY = "left before the trigger they belong to"
RULES = (
    (HASTY, _hasty),
    ("not in the ledger as they left", lambda message, _: not message.known),
    ("of a kind that the wire format does not have", lambda message, _: message.sent.what not in LEFT),
)
"""What can be wrong with a message whatever audio it holds."""


def _counted(why: str, messages: list[Message]) -> Fault:
    count = "1 message" if len(messages) == 1 else f"{len(messages)} messages"
    where = union(Span(m.sent.sample, m.sent.sample + 1280) for m in messages)
    return Fault(f"{count} {why}", tuple(where), YES if why == HASTY else PERHAPS)
