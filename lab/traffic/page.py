"""traffic.html: bytes a second up and down, activations marked. One file that fetches nothing."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from lab.traffic.seen import Seen

FILE = "traffic.html"
_HERE = Path(__file__).parent
_STYLES = (_HERE.parent / "report" / "report.css", _HERE / "page" / "traffic.css")
_PAGES = (_HERE / "page", _HERE.parent / "study" / "page")
_HEIGHT = 90


class Plot:
    """One capture as paths: x is seconds, y bytes a second, up above the line and down below."""

    def __init__(self, seen: Seen) -> None:
        up, down, self.width = seen.uploads.up, seen.uploads.down, max(1, seen.uploads.seconds)
        most = max(*up.values(), *down.values(), 1)
        self.up = _bars(up, most, -1)
        self.down = _bars(down, most, 1)
        self.spans = [(each.first, each.last + 1 - each.first) for each in seen.found]
        self.most = most


def page(seen: Sequence[Seen], threshold: int) -> str:
    """Return the page."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup("".join(file.read_text(encoding="utf-8") for file in _STYLES))  # noqa: S704  ours
    return pages.get_template("traffic.html.j2").render(
        style=style, title="When it uploaded", captures=[(each, Plot(each)) for each in seen],
        threshold=threshold, height=_HEIGHT,
    )  # fmt: skip


def _bars(counts: dict[int, int], most: int, way: int) -> str:
    return "".join(
        f"M{second + 0.5} {_HEIGHT}v{way * _HEIGHT * count / most:.1f}"
        for second, count in sorted(counts.items())
    )
