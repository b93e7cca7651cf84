"""Pages from templates, everything in them escaped."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
_PAGES = Environment(
    loader=FileSystemLoader(HERE / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _long(length: timedelta) -> str:
    return f"{max(1, round(length.total_seconds() / 60))} min"


_PAGES.filters.update(moment=_moment, long=_long)


def render(name: str, **values: object) -> str:
    """The page of that name. Raises jinja2.UndefinedError when a value is missing."""
    return _PAGES.get_template(f"{name}.html.j2").render(**values)
