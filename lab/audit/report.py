"""audit.html: one file that fetches nothing and runs nothing, with the answer on top. Evidence is strangers'
words: all of it is escaped.
"""

from pathlib import Path

import jinja2
from markupsafe import Markup

from lab.audit.answer import QUESTION, against, answer
from lab.audit.evidence import Evidence
from lab.audit.picture import LABELS, picture
from lab.audit.verdicts import LAYERS, Verdict

FILE = "audit.html"
HERE = Path(__file__).parent
_STYLES = (HERE.parent / "report" / "report.css", HERE / "page" / "audit.css")
_PAGES = (HERE / "page", HERE.parent / "study" / "page")

MARKS = {"holds": "✓ holds", "found": "✗ found something", "not given": "? nothing to look at"}


def page(evidence: Evidence, verdicts: list[Verdict]) -> str:
    """Return the page of an audit."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup("".join(file.read_text(encoding="utf-8") for file in _STYLES))  # noqa: S704  ours
    return pages.get_template("audit.html.j2").render(
        style=style, title="What the evidence says", question=QUESTION, answer=answer(verdicts),
        picture=picture(evidence, against(verdicts)), labels=LABELS, verdicts=verdicts, layers=LAYERS,
        marks=MARKS,
        name=evidence.given.directory.resolve().name,
    )  # fmt: skip
