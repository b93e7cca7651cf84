"""Writes report.html: one file that fetches nothing, from the three files of a run.

It never changes what it reads, and never hides a fault: every word above the picture is computed.
"""

import base64
import hashlib
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup

from lab.report.axis import RATE_HZ, Axis, clock
from lab.report.check import Finding, check
from lab.report.errors import ReportError
from lab.report.picture import Picture, closer, numbers, whole
from lab.report.room import room_samples, shape
from lab.report.run import Run, Told, read_run
from lab.report.tables import Row, UtteranceRow, Verdict, grouped, kind_rows, utterance_rows
from lab.report.tracks import Shown

HERE = Path(__file__).parent
MOST_PICTURES = 60
"""How many utterances get a picture of their own; the table lists all of them."""


class Close(msgspec.Struct, frozen=True):
    """The picture of one utterance with its row of the table."""

    row: UtteranceRow
    picture: Picture


def write_report(directory: Path, title: str, verdicts: list[Verdict], summary: list[Row]) -> Path:
    """Write DIR/report.html from DIR/timeline.jsonl, DIR/room.flac and DIR/ledger.jsonl; return its path.

    The audio is read in blocks; the rows of the timeline are held in memory.

    Raises:
        ReportError: one of the three is absent or unreadable, or the page cannot be written.
    """
    room = directory / "room.flac"
    run = read_run(directory, room_samples(room))
    finding = check(run)
    shown = _shown("whole", Axis(0, run.samples), run, finding, room)
    rows = utterance_rows(run, finding)
    told = sorted(zip(run.told, rows, strict=True), key=lambda pair: not pair[1].wrong)[:MOST_PICTURES]
    pairs = sorted(told, key=lambda pair: pair[0].number)
    page = _render(
        title=title,
        finding=finding,
        picture=whole(shown),
        numbers=_harmless(msgspec.json.encode(numbers(shown))),
        closes=[Close(row, _closer(told, run, finding, room)) for told, row in pairs],
        utterances=rows,
        verdicts=verdicts,
        summary=summary,
        kinds=kind_rows(run),
        ledger=run.ledger,
        root=base64.b64encode(run.ledger.root).decode(),
        total=[grouped(len(run.messages)), grouped(sum(m.sent.bytes for m in run.messages))],
    )
    path = directory / "report.html"
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path.name}: {error.strerror}; make room for it and write it again") from error
    return path


def _shown(name: str, axis: Axis, run: Run, finding: Finding, room: Path) -> Shown:
    return Shown(name, axis, run, finding, shape(room, axis))


def _closer(told: Told, run: Run, finding: Finding, room: Path) -> Picture:
    """Draw from one second before the trigger, or what was kept before it, to one second after the end."""
    first = min(told.span.first, told.trigger.sample if told.trigger else told.span.first) - RATE_HZ
    axis = Axis(first, told.span.end + RATE_HZ - first, columns=1000, width_px=420)
    name = f"Utterance {told.number}, from one second before its trigger to one second after its end"
    return closer(_shown(str(told.number), axis, run, finding, room), name)


def _harmless(json: bytes) -> Markup:
    """Return JSON that cannot end the script element that holds it."""
    return Markup(json.decode().replace("<", "\\u003c"))  # noqa: S704  it holds no "<" any more


def _render(**values: object) -> str:
    """Fill the template; its policy lets the browser run this script and fetch nothing at all."""
    loader = jinja2.FileSystemLoader(HERE)
    pages = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    script = (HERE / "report.js").read_text(encoding="utf-8")
    style = (HERE / "report.css").read_text(encoding="utf-8")
    policy = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    trusted = {"script": Markup(script), "style": Markup(style), "policy": policy, "clock": clock}  # noqa: S704  ours
    return pages.get_template("report.html.j2").render(**trusted, **values)
