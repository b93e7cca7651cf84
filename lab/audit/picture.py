"""The picture of an audit: on one axis the room, what could wake the speaker, what left, and its light. An
utterance against which something speaks is red, and says so.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element

from markupsafe import Markup

from lab.audit.errors import AuditError
from lab.audit.evidence import Evidence, Span, begins
from lab.audit.outside import LISTENING
from lab.audit.verdicts import Finding
from lab.report.axis import Axis
from lab.report.errors import ReportError
from lab.report.room import shape
from lab.report.svg import Pen, markup, outline, title

HEIGHT, _ROOM, _WOKE, _LEFT, _LIGHT = 190, (8, 56), 84, 110, 142
LABELS = ((36, "room"), (_WOKE, "woken by"), (_LEFT + 8, "left, sealed"), (_LIGHT + 8, "light"))
_COLUMNS = 1600


class Sealed(NamedTuple):
    """An utterance as its messages show it, without a key: where it says it is, and whether that is false."""

    span: Span
    trigger: str
    wrong: bool


def picture(evidence: Evidence, against: list[Finding]) -> Markup | None:
    """Draw it; None where there is no recording of the room to draw it on."""
    try:
        axis = Axis(0, max(1, evidence.room_samples), columns=_COLUMNS)
        svg = Element("svg", {"class": "picture", "width": "100%", "height": str(HEIGHT), "role": "img"})
        title(svg, "The room, what woke the speaker, what left it, and its light, on one axis of time")
        _room(Pen(axis, svg), evidence)
        for draw in (_woke, _light):
            _if_given(draw, Pen(axis, svg), evidence)
        _if_given(lambda pen, given: _left(pen, sealed(given, against)), Pen(axis, svg), evidence)
    except (AuditError, ReportError):
        return None
    _ticks(Pen(axis, svg))
    return markup(svg)


def sealed(evidence: Evidence, against: list[Finding]) -> list[Sealed]:
    """Every utterance that began, in order."""
    found = []
    for sent, begin in begins(evidence):
        header = begin.header
        end = header.first_sample + len(sent.segments) * header.segment_samples
        wrong = any(sent.name in finding.what for finding in against)
        found.append(Sealed((header.first_sample, end), header.trigger.kind, wrong))
    return found


def _if_given(draw: Callable[[Pen, Evidence], None], pen: Pen, evidence: Evidence) -> None:
    try:
        draw(pen, evidence)
    except AuditError:
        return  # the table says what is missing


def _room(pen: Pen, evidence: Evidence) -> None:
    low, high = shape(evidence.room_path, pen.axis)
    drawing = pen.stretched(*_ROOM)
    bars = ((x, 50 - 50 * float(high[x]), 50.6 - 50 * float(low[x])) for x in range(pen.axis.columns))
    drawing.append(Element("path", {"d": outline(bars), "class": "wave"}))


def _woke(pen: Pen, evidence: Evidence) -> None:
    for hand in evidence.seen("hand"):
        pen.upright(hand["sample"], _ROOM[0], HEIGHT - 24, "pole")
        above = 12 if hand["do"] in ("mute", "unmute") else 0  # a wake word may follow at once
        pen.text(hand["sample"], _WOKE + 4 - above, hand["do"], "flag", 3)


def _left(pen: Pen, found: list[Sealed]) -> None:
    for one in found:
        first, end = one.span
        pen.upright(first, _ROOM[0], HEIGHT - 24, "trigger")
        bar = pen.bar(first, end, _LEFT, 16, "lies" if one.wrong else "kept")
        title(
            bar, f"{one.trigger}, {(end - first) / 16_000:.1f} s{': not what it says' if one.wrong else ''}"
        )
        if one.wrong:
            pen.text(first, _LEFT - 4, "not what it says", "alarm")
        elif one.trigger == "wake_word":
            pen.text(first, _WOKE + 4, "wake word", "flag", 3)


def _light(pen: Pen, evidence: Evidence) -> None:
    for first, end in _lit(evidence):
        pen.bar(first, end, _LIGHT, 16, "listening")


def _lit(evidence: Evidence) -> Iterator[Span]:
    for now, then in pairwise([*evidence.seen("light"), *evidence.seen("end")]):
        if now["cue"] in LISTENING:
            yield now["sample"], then["sample"]


def _ticks(pen: Pen) -> None:
    pen.level(HEIGHT - 24, "axis")
    for tick in pen.axis.ticks(zooms=(1,)):
        pen.upright(tick.sample, HEIGHT - 24, HEIGHT - 19, "axis")
        pen.text(tick.sample, HEIGHT - 6, tick.label, "tick middle")
