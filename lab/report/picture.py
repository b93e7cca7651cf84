"""A picture: tracks under one another on one axis, with labels beside them and numbers for the pointer."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import msgspec
import numpy as np
from markupsafe import Markup

from lab.report import flags, leaving, tracks
from lab.report.axis import ZOOMS
from lab.report.events import Light, Play
from lab.report.spans import stretches
from lab.report.svg import Pen, markup, number, title
from lab.report.tracks import Shown

GAP_PX = 9
AXIS_PX = 24
DENSE_SAMPLES = 15 * 60 * 16_000
"""From here on an utterance is narrower than a line, so bars are drawn bolder and trigger lines fainter."""


class Track(msgspec.Struct, frozen=True):
    """A strip of the picture: its name, what its height means, and who draws it."""

    label: str
    note: str
    height: int
    draw: Callable[[Shown, Pen, float, float], None]


class Label(msgspec.Struct, frozen=True):
    """The words beside a track, at a height in pixels."""

    y: float
    text: str
    note: str


class Picture(msgspec.Struct, frozen=True):
    """A finished picture."""

    svg: Markup
    height: float
    labels: tuple[Label, ...]


def whole(shown: Shown) -> Picture:
    """Draw the whole run, with every track."""
    per = f"per {leaving.bin_samples(shown) // 16} ms"
    threshold = shown.run.timeline.threshold
    strips = [
        Track("scene", "what was done", flags.LANES * flags.LANE_PX, flags.flags),
        Track("room", "sound", 92, tracks.sound),
        Track("wake score", f"above {threshold:.2f}" if threshold else "0 to 1", 52, tracks.score),
        Track("phase", "", 15, tracks.phase),
        Track("light", "", 15, tracks.light),
        Track("kept", "", 17, leaving.kept),
        Track("sent", "as spoken", 17, leaving.sent),
        Track("audio bytes", per, 46, leaving.sealed_bytes),
        Track("other bytes", "no audio", 24, leaving.other_bytes),
        Track("broker", "", 10, leaving.link),
    ]
    if shown.run.timeline.of(Play):
        strips.insert(5, Track("speaks", "", 10, leaving.plays))
    return draw(shown, strips, ZOOMS, "The whole run on one time axis")


def closer(shown: Shown, name: str) -> Picture:
    """Draw a few seconds, with the tracks that answer what was kept and what left."""
    strips = [
        Track("", "", 4, lambda *_: None),
        Track("room", "", 60, tracks.sound),
        Track("score", "", 30, tracks.score),
        Track("phase", "", 11, tracks.phase),
        Track("light", "", 11, tracks.light),
        Track("kept", "", 14, leaving.kept),
        Track("sent", "", 14, leaving.sent),
        Track("bytes", "", 34, leaving.sealed_bytes),
    ]
    return draw(shown, strips, (1,), name)


def draw(shown: Shown, strips: list[Track], zooms: tuple[int, ...], name: str) -> Picture:
    """Draw strips from the top down; the first is the head, below which the lines of the triggers begin."""
    dense = " dense" if shown.axis.samples > DENSE_SAMPLES else ""
    svg = Element("svg", {"width": "100%", "role": "group", "class": f"picture{dense}", "aria-label": name})
    title(svg, name)
    SubElement(svg, "desc").text = f"{shown.finding.sentence}."
    _patterns(svg, shown.name)
    pen = Pen(shown.axis, svg)
    head, height = strips[0].height + GAP_PX, sum(strip.height + GAP_PX for strip in strips)
    flags.windows(shown, pen.group("windows"), height)
    flags.triggers(shown, pen.group("triggers"), head, height - head)
    y, labels = 0.0, []
    for strip in strips:
        strip.draw(shown, pen.group("track"), y, strip.height)
        labels.append(Label(y + strip.height / 2, strip.label, strip.note))
        y += strip.height + GAP_PX
    flags.ticks(shown, pen.group("ticks"), height, zooms)
    svg.set("height", number(height + AXIS_PX))
    return Picture(markup(svg), height + AXIS_PX, tuple(labels))


def _patterns(svg: Element, name: str) -> None:
    if name != "whole":
        return
    definitions = SubElement(svg, "defs")
    for pattern in ("hatch", "hatch-red"):
        size = {"id": pattern, "width": "6", "height": "6", "patternUnits": "userSpaceOnUse"}
        tile = SubElement(definitions, "pattern", {**size, "patternTransform": "rotate(45)"})
        SubElement(tile, "rect", {"width": "6", "height": "6", "class": f"{pattern}-ground"})
        SubElement(tile, "rect", {"width": "2", "height": "6", "class": f"{pattern}-line"})


def numbers(shown: Shown) -> dict[str, Any]:
    """Return what the pointer reads out, as plain values for the page's script."""
    run, width = shown.run, leaving.bin_samples(shown)
    left: dict[int, list[int]] = {}
    for message in run.messages:
        left.setdefault(message.sent.sample // width, [0, 0])[not message.sealed] += message.sent.bytes
    tops = [tracks.highest(scores, shown.axis) for scores in run.timeline.scores.values()]
    top = np.nan_to_num(np.fmax.reduce(tops), nan=-1) if tops else np.full(shown.axis.columns, -1.0)
    lights = [(row.sample, row.cue if row.css else "") for row in run.timeline.of(Light)]
    return {
        "samples": run.samples,
        "bin": width,
        "left": [[at, *counts] for at, counts in left.items()],
        "score": np.round(top * 100).astype(int).tolist(),
        "phases": [[s.first, s.end, s.what] for s in run.phases],
        "lights": [[s.first, s.end, s.what] for s in stretches(lights, run.samples)],
        "muted": [[s.first, s.end] for s in run.muted],
        "wrong": [[s.first, s.end] for s in shown.finding.wrong_samples],
        "told": [
            [t.span.first, t.span.end, t.number, t.trigger.sample if t.trigger else None] for t in run.told
        ],
    }
