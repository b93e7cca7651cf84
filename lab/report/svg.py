"""Drawing in percent of the width and pixels of the height, on the standard library's element tree.

The element tree escapes what it is given, so no text of a run can become markup. A curve lives in a
nested drawing that stretches with the width while its lines keep their thickness.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from lab.report.axis import Axis


def number(value: float) -> str:
    """Write a number with as many digits as a screen can show."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def markup(element: Element) -> Markup:
    """Return the element as text to be placed in a page."""
    return Markup(tostring(element, encoding="unicode"))  # noqa: S704  the element tree has escaped it


def title(element: Element, text: str) -> Element:
    """Give an element the text that is read aloud and shown on hover."""
    SubElement(element, "title").text = text
    return element


class Pen:
    """Draws on one axis into one element; y and heights are pixels."""

    def __init__(self, axis: Axis, into: Element) -> None:
        self.axis = axis
        self.into = into

    def group(self, name: str) -> "Pen":
        """Return a pen that draws into a new group of class `name`."""
        return Pen(self.axis, SubElement(self.into, "g", {"class": name}))

    def link(self, target: str, label: str) -> "Pen":
        """Return a pen that draws into a link inside the page, which the keyboard can reach."""
        return Pen(self.axis, SubElement(self.into, "a", {"href": f"#{target}", "aria-label": label}))

    def bar(self, first: int, end: int, y: float, height: float, name: str, **more: str) -> Element:
        """Draw a rectangle over the samples [first, end), cut to what the axis shows."""
        left = self.axis.percent(max(first, self.axis.first))
        width = self.axis.percent(min(end, self.axis.end)) - left
        place = {"x": f"{number(left)}%", "width": f"{number(max(0.0, width))}%"}
        return SubElement(
            self.into, "rect", {**place, "y": number(y), "height": number(height), "class": name, **more}
        )

    def upright(self, sample: int, y: float, end_y: float, name: str) -> Element:
        """Draw a vertical line at a sample."""
        x = f"{number(self.axis.percent(sample))}%"
        return SubElement(
            self.into, "line", {"x1": x, "x2": x, "y1": number(y), "y2": number(end_y), "class": name}
        )

    def level(self, y: float, name: str) -> Element:
        """Draw a horizontal line over the whole width."""
        place = {"x1": "0", "x2": "100%", "y1": number(y), "y2": number(y)}
        return SubElement(self.into, "line", {**place, "class": name})

    def text(self, sample: int, y: float, words: str, name: str, dx: float = 0) -> Element:
        """Write words at a sample; `dx` moves them by pixels."""
        place = {"x": f"{number(self.axis.percent(sample))}%", "y": number(y), "dx": number(dx)}
        element = SubElement(self.into, "text", {**place, "class": name})
        element.text = words
        return element

    def stretched(self, y: float, height: float) -> Element:
        """Return a nested drawing, `columns` wide and 100 high, that fills the width from `y` down."""
        return SubElement(
            self.into,
            "svg",
            {
                "y": number(y),
                "width": "100%",
                "height": number(height),
                "viewBox": f"0 0 {self.axis.columns} 100",
                "preserveAspectRatio": "none",
            },
        )


def outline(columns: Iterable[tuple[int, float, float]]) -> str:
    """Return the path of bars (column, upper y, lower y), each one column wide."""
    return "".join(f"M{x},{number(top)}h1V{number(bottom)}h-1z" for x, top, bottom in columns)
