"""Every message that left, a row each, for other tools: messages.csv and messages.parquet.

A message is here if anybody has it: the ledger, the broker's side, the capture. What nobody said of it is
empty. Cells of the CSV are strangers' words, and none is a formula to a spreadsheet.
"""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from device.envelope import Begin, EnvelopeError, topics
from device.ledger import LEFT
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence
from lab.audit.line import wire
from lab.audit.line.reconcile import reconcile
from lab.audit.verdicts import Verdict

NAMES = CSV, PARQUET = "messages.csv", "messages.parquet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class Line:
    """A message. docs/audit.md says what each column is; None is what nobody said."""

    ledger_row: int | None = None
    sent_at: datetime | None = None
    packet: int | None = None
    topic: str | None = None
    kind: str | None = None
    cause: str | None = None
    utterance: str | None = None
    segment: int | None = None
    first_sample: int | None = None
    samples: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    trigger: str | None = None
    trigger_sample: int | None = None
    readers: str | None = None
    opened: bool | None = None
    in_ledger: bool | None = None
    at_broker: bool | None = None
    on_wire: bool | None = None
    findings: str | None = None


def lines(evidence: Evidence, verdicts: list[Verdict]) -> list[Line]:
    """Every message, in the order of the ledger; after these what is in no ledger."""
    made = list(_of_ledger(evidence))
    made += list(_of_broker(evidence, made))
    _of_wire(evidence, made)
    _of_utterances(evidence, made)
    _of_verdicts(verdicts, made)
    return made


def to_csv(made: list[Line]) -> str:
    """The lines as RFC 4180 text, with a header."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(field.name for field in fields(Line))
    for line in made:
        writer.writerow(_cell(value) for value in asdict(line).values())
    return text.getvalue()


def write(made: list[Line], directory: Path) -> list[str]:
    """Write both files; return the names of those that were written: Parquet needs the package pyarrow."""
    (directory / CSV).write_text(to_csv(made), encoding="utf-8", newline="")
    if find_spec("pyarrow") is None:
        return [CSV]
    import pyarrow as arrow
    from pyarrow import parquet

    types = {
        "int | None": arrow.int64(), "bool | None": arrow.bool_(), "str | None": arrow.string(),
        "datetime.datetime | None": arrow.timestamp("us", tz="UTC"),
    }  # fmt: skip
    schema = arrow.schema([(field.name, types[str(field.type)]) for field in fields(Line)])
    parquet.write_table(arrow.Table.from_pylist([asdict(line) for line in made], schema), directory / PARQUET)
    return [CSV, PARQUET]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _given(read: Any) -> list[Any]:
    """What there is to read, or nothing: other looks say what is missing."""
    try:
        return list(read())
    except (NotGiven, Damaged):
        return []


def _of_ledger(evidence: Evidence) -> Iterator[Line]:
    for row in _given(lambda: evidence.rows):
        if row.kind in LEFT:
            yield Line(
                ledger_row=row.index, topic=row.topic, kind=row.kind, cause=row.cause,
                utterance=row.utterance, segment=row.segment, first_sample=row.first_sample,
                samples=row.samples, bytes=row.bytes, sha256=row.sha256, in_ledger=True,
            )  # fmt: skip


def _of_broker(evidence: Evidence, ledger: list[Line]) -> Iterator[Line]:
    """What the broker's side has beside the ledger; of the rest it is noted that it has it."""
    messages = _given(lambda: evidence.messages)
    if not messages:
        return
    found: dict[tuple[str | None, str | None], list[Line]] = {}
    for line in ledger:
        line.at_broker = False
        found.setdefault((line.topic, line.sha256), []).append(line)
    for message in messages:
        digest = sha256(message.payload).hexdigest()
        known = found.get((message.topic, digest), [])
        if message.topic.endswith("/up/status"):  # perhaps a last will, whose row is the connection's
            known = known + found.get((None, digest), [])
        for line in known:
            line.at_broker = True
        if not known:
            topic = topics.parse(message.topic)
            yield Line(
                topic=message.topic, kind=topic.kind if topic else None,
                utterance=topic.utterance if topic else None, bytes=len(message.payload), sha256=digest,
                in_ledger=False if ledger else None, at_broker=True,
            )  # fmt: skip


def _of_wire(evidence: Evidence, made: list[Line]) -> None:
    """When each message went over the line, where there is a capture."""
    try:
        seen = evidence.once(wire.read)
        pairs = reconcile(seen.calls, evidence.rows, seen.device).pairs
    except (NotGiven, Damaged):
        return
    at = {pair.row.index: pair.said.at for pair in pairs}
    for line in made:
        here = at.get(line.ledger_row) if line.ledger_row is not None else None
        line.on_wire = here is not None
        if here is not None:
            line.packet = here.number
            line.sent_at = datetime.fromtimestamp(here.time_ns // 1000 / 1_000_000, UTC)


def _of_utterances(evidence: Evidence, made: list[Line]) -> None:
    """What the headers say: the trigger, who may read; and whether a key that was given opens it."""
    headers = {}
    for sent in _given(lambda: evidence.sent):
        try:
            headers[sent.name] = Begin.parse(sent.begins[0]).header if sent.begins else None
        except EnvelopeError:
            continue
    opened = {each.sent.name for each in _given(lambda: evidence.opened)}
    tried = {sent.name for sent, _ in _given(lambda: evidence.tried)}
    for line in made:
        header = headers.get(line.utterance or "")
        if header is not None:
            word = f" {header.trigger.word}" if header.trigger.word else ""
            line.trigger, line.trigger_sample = header.trigger.kind + word, header.first_sample
            line.readers = " ".join(reader.name for reader in header.readers)
        if line.utterance in tried:
            line.opened = line.utterance in opened


def _of_verdicts(verdicts: list[Verdict], made: list[Line]) -> None:
    """Which checks found something that is about it: its row, its utterance, its topic."""
    said = [
        (check.name, f"{finding.what} {finding.where} ")
        for verdict in verdicts
        for check, finding in verdict.findings
    ]
    for line in made:
        about = [f"ledger row {line.ledger_row} "] if line.ledger_row is not None else []
        about += [line.utterance] if line.utterance else []
        about += [f" at {line.topic}"] if line.in_ledger is False else []
        names = dict.fromkeys(name for name, text in said if any(each in text for each in about))
        line.findings = " ".join(names) or None
