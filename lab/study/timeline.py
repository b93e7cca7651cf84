"""The picture of all audio of a study: every proposal of one word, where it came and how it scored. Pure.

The hearings stand one after the other, so its hours are hours of audio and not of a clock. The element tree
escapes all text in it.
"""

from collections.abc import Sequence
from itertools import accumulate
from xml.etree.ElementTree import Element, SubElement

import msgspec

from lab.report.axis import RATE_HZ, Axis
from lab.report.picture import Label, Picture
from lab.report.svg import Pen, markup, number, title
from lab.study.det import score
from lab.study.figures import HOUR_S, Hearing
from lab.study.records import Heard
from lab.study.scale import hour_ticks

HEIGHT_PX = 150
TOP_PX = 18
AXIS_PX = 24
LABEL_PART = 0.12
"""A narrower stretch has no room for its name."""
MOST = 4000
"""So many proposals are drawn, in the order of `dots`."""
VERDICTS = FALSE, MISSED, REJECTED, RIGHT = "false wake", "rejected, though said", "rejected", "wake"
NAMES = dict(zip(VERDICTS, ("false", "missed", "rejected", "wake"), strict=True))


class Dot(msgspec.Struct, frozen=True):
    """A proposal at its place in all audio."""

    sample: int
    proposal: Heard

    @property
    def verdict(self) -> str:
        """What came of it, in words."""
        return verdict(self.proposal)


def verdict(proposal: Heard) -> str:
    """Say what came of a proposal, and whether that was right."""
    if proposal.accepted:
        return RIGHT if proposal.positive else FALSE
    return MISSED if proposal.positive else REJECTED


def when(at_s: float) -> str:
    """Write where in a file something is: `0:07.4`, `1:02:03.0`."""
    tenths = round(at_s * 10)
    hours, minutes, rest = tenths // 36_000, tenths // 600 % 60, tenths % 600
    return (f"{hours}:{minutes:02}" if hours else f"{minutes}") + f":{rest // 10:02}.{rest % 10}"


def dots(hearings: Sequence[Hearing]) -> list[Dot]:
    """Return every proposal: false wakes first, then rejected ones, of these the nearest to a wake first."""
    starts_s = accumulate((hearing.item.seconds for hearing in hearings), initial=0.0)
    found = [
        Dot(round((start_s + proposal.at_s) * RATE_HZ), proposal)
        for start_s, hearing in zip(starts_s, hearings, strict=False)
        for proposal in hearing.heard
    ]
    return sorted(found, key=_weight)


def _weight(dot: Dot) -> tuple[int, float]:
    nearness = 0.0 if dot.proposal.accepted else -score(dot.proposal)
    return VERDICTS.index(dot.verdict), nearness


def draw(hearings: Sequence[Hearing], threshold: float | None) -> Picture:
    """Draw the proposals of one word over all audio, the deciding score upwards, the threshold as a line."""
    total_s = sum(hearing.item.seconds for hearing in hearings)
    svg = Element("svg", {"width": "100%", "role": "group", "class": "picture"})
    svg.set("height", number(TOP_PX + HEIGHT_PX + AXIS_PX))
    title(svg, "Every proposed wake over all audio")
    pen = Pen(Axis(0, max(1, round(total_s * RATE_HZ))), svg)
    _stretches(hearings, pen.group("stretches"))
    labels = [Label(_height(1), "score 1", ""), Label(_height(0), "0", "")]
    if threshold is not None:
        pen.level(_height(threshold), "threshold")
        labels.append(Label(min(_height(threshold), _height(0) - 20), "wakes at", f"{threshold:g}"))
    drawn = pen.group("dots")
    for dot in reversed(dots(hearings)[:MOST]):
        _dot(dot, drawn)
    _ticks(total_s / HOUR_S, pen.group("ticks"))
    return Picture(markup(svg), TOP_PX + HEIGHT_PX + AXIS_PX, tuple(labels))


def _height(value: float) -> float:
    return TOP_PX + HEIGHT_PX * (1 - min(1.0, max(0.0, value)))


def _dot(dot: Dot, pen: Pen) -> None:
    proposal = dot.proposal
    place = {"cx": f"{number(pen.axis.percent(dot.sample))}%", "cy": number(_height(score(proposal)))}
    circle = SubElement(pen.into, "circle", {**place, "r": "4.5" if dot.verdict == FALSE else "3.5"})
    circle.set("class", f"dot {NAMES[dot.verdict]}")
    title(circle, _told(dot))


def _told(dot: Dot) -> str:
    proposal = dot.proposal
    scores = f"{proposal.first:.2f}" + (f", {proposal.second:.2f}" if proposal.second is not None else "")
    sent = f", {proposal.sent_s:.1f} s would be sent" if proposal.accepted else ""
    said = f": “{proposal.said}”" if proposal.said else ""
    where = f"{proposal.file} at {when(proposal.at_s)}, round {proposal.round}, {proposal.condition}"
    return f"{dot.verdict}, {scores}{sent}; {where}{said}"


def _stretches(hearings: Sequence[Hearing], pen: Pen) -> None:
    """Mark where another condition or round begins."""
    names = [(hearing.item.condition, hearing.item.round) for hearing in hearings]
    if len(set(names)) < 2:
        return
    at_s = 0.0
    for number_, (hearing, name) in enumerate(zip(hearings, names, strict=True)):
        if number_ == 0 or name != names[number_ - 1]:
            sample = round(at_s * RATE_HZ)
            pen.upright(sample, 0, TOP_PX + HEIGHT_PX, "hair")
            if _part(hearings, name) > LABEL_PART:
                pen.text(sample, 11, f"{name[0]}, round {name[1]}", "stretch", dx=4)
        at_s += hearing.item.seconds


def _part(hearings: Sequence[Hearing], name: tuple[str, int]) -> float:
    mine_s = sum(one.item.seconds for one in hearings if (one.item.condition, one.item.round) == name)
    return mine_s / sum(one.item.seconds for one in hearings)


def _ticks(hours: float, pen: Pen) -> None:
    bottom = TOP_PX + HEIGHT_PX
    pen.level(bottom, "axis")
    for at, label in hour_ticks(hours):
        sample = round(at * HOUR_S * RATE_HZ)
        pen.upright(sample, bottom, bottom + 4, "axis")
        percent = pen.axis.percent(sample)
        pen.text(
            sample,
            bottom + 16,
            label,
            f"tick {'middle' if 3 < percent < 97 else 'end' if percent >= 97 else 'start'}",
        )
