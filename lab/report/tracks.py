"""The tracks about the room and the speaker: sound, wake score, phase, light. Drawing only."""

from collections.abc import Sequence
from xml.etree.ElementTree import SubElement

import msgspec
import numpy as np

from lab.report.axis import Axis, clock
from lab.report.check import Finding, seconds
from lab.report.events import Light
from lab.report.room import Columns
from lab.report.run import Run
from lab.report.spans import Span, Stretch, length, stretches
from lab.report.svg import Pen, number, title
from lab.report.timeline import Scores


class Shown(msgspec.Struct, frozen=True):
    """What a picture shows: a run, what was found, the part of it on the axis, and the sound of that part."""

    name: str
    axis: Axis
    run: Run
    finding: Finding
    sound: tuple[Columns, Columns]


def sound(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the room: pale where it was heard and dropped, strong where it was kept, hatched where muted, and
    behind a bar where the microphone lost it.
    """
    low, high = shown.sound
    scale = 48 / max(0.02, float(np.max(np.abs(shown.sound))))
    upper = [f"{x},{number(50 - value * scale)}" for x, value in enumerate(high)]
    lower = [f"{x},{number(50.6 - value * scale)}" for x, value in enumerate(low)]
    for span in shown.run.muted:
        if shown.axis.shows(*span):
            title(pen.bar(*span, y, height, "hatch"), f"Muted: microphone closed {_when(span)}")
    for span in shown.run.lost:
        if shown.axis.shows(*span):
            title(pen.bar(*span, y, height, "lost"), f"{seconds(length([span]))} lost by the microphone")
    pen.level(y + height / 2, "hair")
    inner = pen.stretched(y, height)
    wave = f"wave-{shown.name}"
    SubElement(inner, "path", {"id": wave, "class": "wave", "d": f"M{' '.join(upper + lower[::-1])}z"})
    for name, spans in (("kept", shown.finding.kept), ("wrong", shown.finding.wrong_samples)):
        window = SubElement(inner, "clipPath", {"id": f"{wave}-{name}"})
        for span in spans:
            left, right = (shown.axis.column(sample) for sample in span)
            size = {"x": str(left), "width": str(max(1, right - left)), "height": "100"}
            SubElement(window, "rect", size)
        SubElement(
            inner, "use", {"href": f"#{wave}", "class": f"wave-{name}", "clip-path": f"url(#{wave}-{name})"}
        )


def score(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the wake score, one curve a wake word, and its threshold where the run says it."""
    pen.level(y + height, "hair")
    threshold = shown.run.timeline.threshold
    if threshold is not None:
        title(
            pen.level(y + height * (1 - threshold), "threshold"),
            f"The first ear says more than {threshold:.2f}",
        )
    inner = pen.stretched(y, height)
    for word, scores in shown.run.timeline.scores.items():
        top = highest(scores, shown.axis)
        known = np.flatnonzero(~np.isnan(top))
        points = [f"{column},{number(100 - 100 * min(1.0, max(0.0, top[column])))}" for column in known]
        if points:
            title(SubElement(inner, "path", {"class": "score", "d": f"M{' '.join(points)}"}), word)


def highest(scores: Scores, axis: Axis) -> Columns:
    """Return the highest score of each column, NaN where there is none."""
    top = np.full(axis.columns, np.nan)
    samples = np.frombuffer(scores.samples, dtype=np.int64)
    inside = slice(*np.searchsorted(samples, [axis.first, axis.end]))
    column = (samples[inside] - axis.first) * axis.columns // axis.samples
    np.fmax.at(top, column, np.frombuffer(scores.values, dtype=np.float32)[inside])
    return top


def phase(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the phases as bands; idle is nothing but a line."""
    pen.level(y + height / 2, "hair")
    for band in thinned(shown.run.phases, shown.axis):
        drawn = pen.bar(band.first, band.end, y, height, f"phase {_css_word(band.what)}")
        title(drawn, f"{band.what}, {_when(band)}")


def light(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the light in its own colour; off is nothing but a line."""
    pen.level(y + height / 2, "hair")
    lights = [(row.sample, f"{row.css} {row.cue}") for row in shown.run.timeline.of(Light)]
    for band in thinned(stretches(lights, shown.run.samples), shown.axis):
        colour, _, cue = band.what.partition(" ")
        if colour:
            drawn = pen.bar(band.first, band.end, y, height, "light", fill=colour)
            title(drawn, f"Light: {cue}, {_when(band)}")


def thinned(bands: Sequence[Stretch], axis: Axis) -> list[Stretch]:
    """Return the bands on the axis; of the many that begin in one column, one of each kind."""
    found: list[Stretch] = []
    seen: set[tuple[int, str]] = set()
    for band in bands:
        mark = (axis.column(band.first), band.what)
        if axis.shows(band.first, band.end) and mark not in seen:
            seen.add(mark)
            found.append(band)
    return found


def _css_word(what: str) -> str:
    return "".join(letter for letter in what if letter.isalnum())


def _when(span: Span | Stretch) -> str:
    return f"{clock(span.first, tenths=True)} to {clock(span.end, tenths=True)}"
