"""The tracks about what was kept and what left. Drawing only.

"Kept" and "sent" stand on the axis where the audio was spoken, so they line up with the trigger;
the bytes stand where they left.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import log10
from xml.etree.ElementTree import SubElement

from lab.report.axis import RATE_HZ
from lab.report.check import seconds
from lab.report.events import Link, Play
from lab.report.run import ENVELOPE, Message
from lab.report.spans import Span, common, stretches
from lab.report.svg import Pen, number, title
from lab.report.tracks import Shown

BIN_SAMPLES = 1280
FLOOR_BYTES = 40
"""Where the logarithmic scale of bytes begins; whatever left is drawn at least a little higher."""


def kept(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw what was captured, each utterance a link to its own picture; red where it should not have been."""
    pen.level(y + height / 2, "hair")
    for told in shown.run.told:
        if shown.axis.shows(*told.span):
            words = f"Utterance {told.number}: {seconds(told.row.samples)} kept, ended by {told.row.reason}"
            link = pen.link(f"utterance-{told.number}", words)
            title(link.bar(*told.span, y, height, "kept"), words)
            link.text(told.span.first, y + height - 4, str(told.number), "inside", dx=4)
    for span in common(shown.finding.kept, shown.run.lost):
        if shown.axis.shows(*span):
            words = f"A gap of {seconds(span.end - span.first)}, marked: the microphone lost it"
            title(pen.bar(*span, y, height, "gap"), words)
    _red(shown, pen, y, height, shown.finding.kept)


def sent(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the audio that left, at the time it was spoken; red where it should not have left."""
    pen.level(y + height / 2, "hair")
    for span in shown.finding.sent:
        if shown.axis.shows(*span):
            title(
                pen.bar(*span, y, height, "sent"), f"{seconds(span.end - span.first)} of audio left, sealed"
            )
    _red(shown, pen, y, height, shown.finding.sent)


def _red(shown: Shown, pen: Pen, y: float, height: float, spans: Iterable[Span]) -> None:
    for span in common(spans, shown.finding.wrong_samples):
        if shown.axis.shows(*span):
            title(
                pen.bar(*span, y, height, "wrong"),
                f"{seconds(span.end - span.first)} that should not be here",
            )


def sealed_bytes(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the bytes of envelopes, when they left."""
    _bytes(shown, pen, y, height, [m for m in shown.run.messages if m.sealed])
    for told in shown.run.told:
        last = told.messages[-1].sent.sample if told.messages else 0
        if last > told.span.end + RATE_HZ and shown.axis.shows(last, last):
            pen.text(last, y + 9, f"utterance {told.number}, late", "flag", dx=5)


def other_bytes(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the bytes of every other message, when they left."""
    _bytes(shown, pen, y, height, [m for m in shown.run.messages if not m.sealed])


def bin_samples(shown: Shown) -> int:
    """How many samples one bar of bytes stands for: 80 ms, or more in a run of hours."""
    return BIN_SAMPLES * max(1, round(shown.axis.samples / shown.axis.columns / BIN_SAMPLES))


def _bytes(shown: Shown, pen: Pen, y: float, height: float, messages: list[Message]) -> None:
    axis, width = shown.axis, bin_samples(shown)
    bins: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    earliest: dict[int, int] = {}  # no bar begins before the sample at which its first message left
    for message in messages:
        if axis.shows(message.sent.sample, message.sent.sample):
            what = "unknown" if message in shown.finding.wrong else message.sent.what
            bins[message.sent.sample // width][what] += max(1, message.sent.bytes)
            earliest.setdefault(message.sent.sample // width, message.sent.sample)
    most = max([10_000, *(sum(parts.values()) for parts in bins.values())])
    for level in (1_000, 100_000, 10_000_000):
        if level < most:
            pen.level(y + height * (1 - _reach(level, most) / 100), "hair")
    pen.level(y + height, "hair")
    paths: dict[str, str] = defaultdict(str)
    for number_, parts in bins.items():
        left = (earliest[number_] - axis.first) * axis.columns / axis.samples
        right = ((number_ + 1) * width - axis.first) * axis.columns / axis.samples
        top = 100.0
        for what in sorted(parts, key=(*ENVELOPE, *sorted(parts)).index):
            tall = _reach(sum(parts.values()), most) * parts[what] / sum(parts.values())
            paths[what] += (
                f"M{number(left)},{number(top)}H{number(right)}V{number(top - tall)}H{number(left)}z"
            )
            top -= tall
    inner = pen.stretched(y, height)
    for what, path in paths.items():
        words = "should not have left" if what == "unknown" else what
        title(SubElement(inner, "path", {"class": f"bytes {what}", "d": path}), words)


def _reach(count: int, most: int) -> float:
    """The height of a count on a logarithmic scale, 12 to 100."""
    return max(12.0, 100 * log10(max(count, FLOOR_BYTES) / FLOOR_BYTES) / log10(most / FLOOR_BYTES))


def link(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the broker: a line while it can be reached, a hatched bar while it cannot."""
    pen.level(y + height / 2, "hair")
    rows = [(row.sample, "up" if row.up else "down") for row in shown.run.timeline.of(Link)]
    for band in stretches(rows, shown.run.samples):
        if shown.axis.shows(band.first, band.end):
            middle, thick = y + height / 2 - 1, 2
            drawn = (
                pen.bar(band.first, band.end, middle, thick, "link-up")
                if band.what == "up"
                else pen.bar(band.first, band.end, y, height, "link-down")
            )
            title(drawn, f"Broker {'reached' if band.what == 'up' else 'out of reach'}")


def plays(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw what the loudspeaker plays."""
    pen.level(y + height / 2, "hair")
    for row in shown.run.timeline.of(Play):
        if shown.axis.shows(row.sample, row.sample + row.samples):
            title(pen.bar(row.sample, row.sample + row.samples, y, height, "plays"), f"Plays {row.what}")
