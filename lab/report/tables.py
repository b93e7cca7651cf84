"""The tables of the page as plain values: what the template writes, word for word, after escaping."""

from collections import Counter

import msgspec

from device.ledger.rows import LEFT
from lab.report.axis import RATE_HZ, clock
from lab.report.check import Finding, seconds
from lab.report.flags import trigger_words
from lab.report.run import Run, Told
from lab.report.spans import common, length


class Verdict(msgspec.Struct, frozen=True):
    """One expectation of a scenario: what should be true, whether it was, and how it differed."""

    expectation: str
    passed: bool
    difference: str = ""


class Row(msgspec.Struct, frozen=True):
    """One line of the summary; `note` says it in plainer words."""

    name: str
    value: str
    note: str = ""


class UtteranceRow(msgspec.Struct, frozen=True):
    """One utterance as the table and the caption of its picture show it."""

    number: int
    when: str
    trigger: str
    length: str
    reason: str
    messages: int
    bytes: str
    readers: str
    heard: str
    intent: str
    answer: str
    ack: str
    left: str
    wrong: bool


class KindRow(msgspec.Struct, frozen=True):
    """One kind of message: how often it left, how often the ledger says so, and the bytes."""

    what: str
    messages: int
    ledger: int
    bytes: str
    means: str


MEANS = {
    "connect": "a connection to the broker; the last will goes with it, and only the broker speaks it",
    "status": "says that the speaker is there",
    "begin": "opens an envelope: header, wrapped keys, signature",
    "segment": "80 ms of sealed audio",
    "end": "closes an envelope: count, hash, end reason",
    "checkpoint": "the signed head of the ledger",
}


def utterance_rows(run: Run, finding: Finding) -> list[UtteranceRow]:
    """Return a row for each utterance, in order."""
    return [_utterance_row(told, run, finding) for told in run.told]


def _utterance_row(told: Told, run: Run, finding: Finding) -> UtteranceRow:
    wrong = bool(common([told.span], finding.wrong_samples)) or bool(
        finding.wrong.intersection(told.messages)
    )
    return UtteranceRow(
        number=told.number,
        when=clock(told.span.first, tenths=True),
        trigger=trigger_words(told.trigger) if told.trigger else "none",
        length=seconds(told.row.samples) + _gaps(told, run),
        reason=told.row.reason.replace("_", " "),
        messages=len(told.messages),
        bytes=grouped(sum(message.sent.bytes for message in told.messages)),
        readers=", ".join(told.row.readers) or "not written down",
        heard=told.heard.text if told.heard else "",
        intent=(told.heard.intent or "") if told.heard else "",
        answer=told.answer.text if told.answer else "",
        ack=told.ack or "not acknowledged",
        left=_left(told),
        wrong=wrong,
    )


def _gaps(told: Told, run: Run) -> str:
    """Say how much of it the microphone lost, if it did."""
    gaps = common([told.span], run.lost)
    return f" (gaps of {seconds(length(gaps))})" if gaps else ""


def _left(told: Told) -> str:
    """Say when it left, seen from its end: most leaves while it is spoken."""
    if not told.messages:
        return "never left"
    late = (told.messages[-1].sent.sample - told.span.end) / RATE_HZ
    return f"left {late:.1f} s after its end" if late > 1 else "left as it was spoken"


def kind_rows(run: Run) -> list[KindRow]:
    """Return a row for each kind of message that left, those of the wire format first."""
    count = Counter(message.sent.what for message in run.messages)
    size = Counter[str]()
    for message in run.messages:
        size[message.sent.what] += message.sent.bytes
    written = Counter[str](row.kind for row in run.ledger.rows.values() if row.kind in LEFT)
    kinds = [*MEANS, *sorted(count.keys() - MEANS.keys())]
    return [
        KindRow(what, count[what], written[what], grouped(size[what]), MEANS.get(what, "unknown"))
        for what in kinds
        if count[what] or written[what]
    ]


def grouped(number: int) -> str:
    """Write a number with narrow spaces between thousands, at which no line breaks."""
    return f"{number:,}".replace(",", "\u202f")
