"""The picture of the DET curve: misses against false wakes an hour, with the points in use. Pure.

Both axes are logarithmic, with a place for zero at their lower end.
"""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement

import msgspec

from lab.report.axis import Axis
from lab.report.picture import Label, Picture
from lab.report.svg import Pen, markup, number, title
from lab.study.det import Point, Trials, curve, missed, operating_points, wakes_an_hour
from lab.study.scale import LogScale, around
from lab.study.text import number as written

HEIGHT_PX = 250
TOP_PX = 6
AXIS_PX = 40
COLUMNS = 1000
LINE_PX = 14
KINDS = 4
"""So many kinds of line there are; further conditions take turns."""


class Field(msgspec.Struct, frozen=True):
    """The two scales of the picture: false wakes an hour across, the miss rate up."""

    across: LogScale
    up: LogScale

    def column(self, per_hour: float) -> int:
        """Return where a rate stands, of `COLUMNS`."""
        return round(self.across.place(per_hour) * COLUMNS)

    def percent(self, per_hour: float) -> str:
        """Return where a rate stands, as a share of the width."""
        return f"{number(self.column(per_hour) * 100 / COLUMNS)}%"

    def height(self, miss_rate: float) -> float:
        """Return where a miss rate stands, in pixels from the top."""
        return TOP_PX + (HEIGHT_PX - TOP_PX) * (1 - self.up.place(miss_rate))


def draw(tried: Mapping[str, Trials], thresholds: Mapping[str, float]) -> Picture | None:
    """Draw a curve for each condition, and the operating points on the first.

    None where there is nothing to miss or nobody to disturb.
    """
    curves = {name: curve(one) for name, one in tried.items() if one.spoken and one.hours}
    if not curves:
        return None
    points = [point for one in curves.values() for point in one]
    field = Field(around(map(_rate, points)), around(map(_missed, points), most=1.0))
    svg = Element("svg", {"width": "100%", "role": "group", "class": "picture det"})
    svg.set("height", number(HEIGHT_PX + AXIS_PX))
    title(svg, "Miss rate against false wakes an hour, for every threshold")
    pen = Pen(Axis(0, COLUMNS, columns=COLUMNS), svg)
    _grid(pen.group("grid"), field)
    lines = pen.stretched(0, HEIGHT_PX)
    for place, (name, one) in enumerate(curves.items()):
        path = {"class": f"curve curve-{place % KINDS}", "d": _path(one, field)}
        title(SubElement(lines, "path", path), name)
    first = tried[next(iter(curves))]
    _points(pen, operating_points(first, thresholds), first, field)
    return Picture(markup(svg), HEIGHT_PX + AXIS_PX, _labels(field))


def _rate(point: Point) -> float:
    return point.per_hour or 0.0


def _missed(point: Point) -> float:
    return point.miss_rate or 0.0


def _grid(grid: Pen, field: Field) -> None:
    for tick in field.across.ticks():
        column = field.column(tick)
        grid.upright(column, TOP_PX, HEIGHT_PX + 4, "hair")
        side = "start" if tick == 0 else "end" if column == COLUMNS else "middle"
        grid.text(column, HEIGHT_PX + 17, _plain(tick), f"tick {side}")
    grid.text(COLUMNS // 2, HEIGHT_PX + 34, "false wakes an hour", "tick middle")
    for tick in field.up.ticks():
        grid.level(field.height(tick), "hair")


def _labels(field: Field) -> tuple[Label, ...]:
    return tuple(
        Label(field.height(tick), f"{_plain(100 * tick)} %", "missed" if tick == 1 else "")
        for tick in field.up.ticks()
    )


def _plain(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _path(points: Sequence[Point], field: Field) -> str:
    """Return the curve in columns across and percent down, without what no screen can show."""
    steps: dict[str, None] = {}
    for point in points:
        x, y = field.across.place(_rate(point)) * COLUMNS, 100 * field.height(_missed(point)) / HEIGHT_PX
        steps[f"{x:.1f},{y:.2f}"] = None
    return "M" + "L".join(steps)


def _points(pen: Pen, used: Mapping[str, Point], tried: Trials, field: Field) -> None:
    """Draw the points in use from the top down, names of the same place in one, and none over another."""
    places: dict[tuple[float, int], list[str]] = {}
    for name, point in used.items():
        places.setdefault((field.height(_missed(point)), field.column(_rate(point))), []).append(name)
    below = 0.0
    for (y, column), names in sorted(places.items()):
        words, point, group = ", ".join(names), used[names[0]], pen.group("point")
        _whiskers(group, point, tried, field)
        place = {"cx": field.percent(_rate(point)), "cy": number(y), "r": "4.5"}
        told = f"{written(_rate(point))} an hour, {_plain(100 * _missed(point))} % missed"
        title(SubElement(group.into, "circle", place), f"{words}: at {point.threshold:g}, {told}")
        below = max(y - 8, below + LINE_PX)
        side, dx = ("end", -9) if column > COLUMNS * 0.7 else ("start", 9)
        group.text(column, below, words, f"name {side}", dx=dx)


def _whiskers(pen: Pen, point: Point, tried: Trials, field: Field) -> None:
    wakes, misses = wakes_an_hour(tried, point), missed(tried, point)
    if wakes is None or misses is None:
        return
    x, y = field.percent(wakes.value), number(field.height(misses.value))
    level = {"x1": field.percent(wakes.low), "x2": field.percent(wakes.high), "y1": y, "y2": y}
    upright = {"x1": x, "x2": x} | {
        "y1": number(field.height(misses.low)),
        "y2": number(field.height(misses.high)),
    }
    for ends in (level, upright):
        SubElement(pen.into, "line", {**ends, "class": "whisker"})
