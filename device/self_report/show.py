"""The report as text for a person, and as JSON."""

from collections.abc import Iterator
from textwrap import wrap

import msgspec

from device.self_report.fields import Field
from device.self_report.leaving import Leaving
from device.self_report.report import Report

_WIDTH = 100


def as_json(report: Report) -> str:
    """Return the report as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def as_lines(report: Report) -> Iterator[str]:
    """Yield the report line by line."""
    yield f"{report.device}: all that can leave it, come in, or be written, with these settings"
    yield from _summary(report)
    yield from ("", "Whom it talks to. It opens no other socket.", "")
    for to in report.destinations:
        yield f"  {to.who}: {to.where}"
        yield from _indented(f"{to.protocol}; {to.when}")
    yield from ("", "What leaves. Each message has its row in the ledger first; QoS 1 throughout.", "")
    for message in report.leaves:
        yield from _message(message)
    yield from ("", "What comes in. The cloud must have signed it, or its root the keys note.", "")
    for each in report.comes_in:
        yield f"  {each.kind}  {each.topic}"
        yield from _indented(each.does)
        yield from _fields(each.fields)
    yield from ("", f"What is written, in {report.state_dir} and nowhere else.", "")
    for file in report.files:
        yield f"  {file.name}: {file.holds}"


def _summary(report: Report) -> Iterator[str]:
    leave = dict.fromkeys(each.topic for each in report.leaves if each.leaves)
    to = ", ".join(f"{each.who} ({each.where})" for each in report.destinations)
    kinds = ", ".join(each.kind for each in report.leaves if each.leaves)
    yield f"  destinations  {len(report.destinations)}: {to}"
    yield f"  topics        {len(leave)} out ({kinds}), {len(report.comes_in)} in"
    yield f"  files         {len(report.files)} names, in {report.state_dir}"


def _message(message: Leaving) -> Iterator[str]:
    off = "" if message.leaves else "  NOT with these settings"
    retained = ", retained by the broker" if message.retained else ""
    yield f"  {message.kind}  {message.topic}{off}"
    yield from _indented(f"{message.when}; {message.size}{retained}")
    yield from _fields(message.fields)
    for part in message.beside:
        yield from _indented(f"- {part}")


def _fields(fields: tuple[Field, ...]) -> Iterator[str]:
    for field in fields:
        means = f": {field.means}" if field.means else ""
        yield from _indented(f"{field.name} ({field.type}){means}", "      ")


def _indented(text: str, margin: str = "    ") -> Iterator[str]:
    yield from wrap(
        text, _WIDTH, initial_indent=margin, subsequent_indent=margin + "  ", break_long_words=False
    )
