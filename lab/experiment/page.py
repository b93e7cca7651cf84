"""experiment.html: one file that fetches nothing and runs nothing. Names of files and findings are strangers'
words: all of it is escaped.
"""

from pathlib import Path

import jinja2
from markupsafe import Markup

from lab.experiment.records import Experiment
from lab.experiment.table import HEADINGS, MEANING, rows, told, verdict

HERE = Path(__file__).parent
_STYLES = (HERE.parent / "report" / "report.css", HERE.parent / "audit" / "page" / "audit.css")
_PAGES = (HERE / "page", HERE.parent / "study" / "page")
MOST_WAKES = 300


def page(experiment: Experiment) -> str:
    """Return the page."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup("".join(file.read_text(encoding="utf-8") for file in _STYLES))  # noqa: S704  ours
    sessions = {session.number: session for session in experiment.plan.sessions}
    wakes = [each for outcome in experiment.outcomes for each in outcome.misactivations]
    return pages.get_template("experiment.html.j2").render(
        style=style, title=f"Misactivations of “{experiment.plan.made.word}”", experiment=experiment,
        headings=HEADINGS, rows=rows(experiment), verdict=verdict(experiment), told=told(experiment),
        meaning=MEANING,
        sessions=sessions, wakes=wakes[:MOST_WAKES], more=len(wakes[MOST_WAKES:]),
    )  # fmt: skip
