"""Writes report.html of a study: one file that fetches nothing and runs nothing.

Names of files and what was said are strangers' words: all of it is escaped. It never writes audio, and never
changes a study. What is long is cut on the page, which says so; the tables beside it have all.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import jinja2
import msgspec
from markupsafe import Markup

from lab.report.picture import Picture
from lab.study import det, text, timeline, trade
from lab.study.figures import Figures, Hearing, figures, hearings, split
from lab.study.pets_rows import Published, own_rows
from lab.study.pets_text import headline, played
from lab.study.records import Heard, Study
from lab.study.statistics import Interval

HERE = Path(__file__).parent
MOST_WAKES, MOST_ROWS, MOST_BROKEN = 100, 60, 30
NO_SENSITIVITIES: Mapping[str, Mapping[str, float]] = {}


class Use(msgspec.Struct, frozen=True):
    """A threshold that can be set, and what comes of it."""

    name: str
    threshold: float
    wakes: Interval | None
    missed: tuple[Interval | None, ...]
    """In each condition."""
    chosen: bool


class Wake(msgspec.Struct, frozen=True):
    """A row of the table of wakes."""

    heard: Heard
    verdict: str
    when: str
    clip: str | None
    """A link to it, relative to the page."""


class Word(msgspec.Struct, frozen=True):
    """All that the page shows of one wake word."""

    name: str
    all: Figures
    recalled: Figures
    """In the first condition alone: recall in another room is another recall."""
    picture: Picture | None
    conditions: tuple[str, ...]
    uses: tuple[Use, ...]
    timeline: Picture
    proposals: int
    drawn: int
    by_condition: Sequence[Figures]
    by_group: Sequence[Figures]
    groups: int
    wakes: Sequence[Wake]


def write(
    out: Path,
    study: Study,
    *,
    pets: Published | None = None,
    sensitivities: Mapping[str, Mapping[str, float]] = NO_SENSITIVITIES,
) -> Path:
    """Write OUT/report.html and return its path. Raises OSError.

    `pets` puts the PETS 2020 study's rows beside ours. `sensitivities` are thresholds of the second ear by
    wake word and name; without them the page knows that of the study alone.
    """
    own = {word: {study.settings.sensitivity: cut} for word, cut in study.settings.thresholds.items()}
    words = [
        _word(study, word, sensitivities.get(word) or own.get(word, {})) for word in study.settings.words
    ]
    broken = list({item.file: item for item in study.items if item.error}.values())
    return _write(
        out,
        "study.html.j2",
        study=study,
        title=PurePosixPath(study.settings.audio).name or study.settings.audio,
        files=len({item.file for item in study.items}),
        hours=sum({item.file: item.seconds for item in study.items}.values()) / 3600,
        words=words,
        broken=broken[:MOST_BROKEN],
        breakages=len(broken),
        pets=pets,
        own=own_rows(study) if pets else [],
    )


def write_pets(out: Path, pets: Published) -> Path:
    """Write OUT/report.html with the PETS 2020 study's rows alone and return its path. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    return _write(out, "pets_only.html.j2", title="When speakers are all ears, recomputed", pets=pets, own=[])


def _word(study: Study, word: str, thresholds: Mapping[str, float]) -> Word:
    among = hearings(study, word)
    by_condition = split(word, among, lambda item: item.condition)
    by_group = split(word, among, lambda item: item.group or "no group")
    spoken = [one.name for one in by_condition if one.positives] or [one.name for one in by_condition[:1]]
    tried = {condition: det.trials(among, condition) for condition in spoken}
    chosen = study.settings.thresholds.get(word)
    return Word(
        name=word,
        all=figures(word, word, among),
        recalled=next((one for one in by_condition if one.positives), figures(word, word, [])),
        picture=trade.draw(tried, thresholds),
        conditions=tuple(spoken),
        uses=tuple(_use(name, cut, tried, cut == chosen) for name, cut in thresholds.items()),
        timeline=timeline.draw(among, chosen),
        proposals=(proposals := sum(len(one.heard) for one in among)),
        drawn=min(timeline.MOST, proposals),
        by_condition=by_condition,
        by_group=sorted(by_group, key=lambda one: -one.false_wakes)[:MOST_ROWS],
        groups=len(by_group),
        wakes=_wakes(among),
    )


def _use(name: str, threshold: float, tried: Mapping[str, det.Trials], chosen: bool) -> Use:
    points = {condition: det.at(one, threshold) for condition, one in tried.items()}
    rates = [det.wakes_an_hour(tried[condition], point) for condition, point in points.items()]
    misses = tuple(det.missed(tried[condition], point) for condition, point in points.items())
    return Use(name, threshold, rates[0] if rates else None, misses, chosen)


def _wakes(among: Sequence[Hearing]) -> list[Wake]:
    """Return the first rows of the table, false wakes first."""
    return [
        Wake(dot.proposal, dot.verdict, timeline.when(dot.proposal.at_s), _link(dot.proposal.clip))
        for dot in timeline.dots(among)[:MOST_WAKES]
    ]


def _link(clip: str | None) -> str | None:
    """Return a link that stays in the folder of the study, whatever the clip is called."""
    if clip is None or clip.startswith("/") or ".." in clip.split("/"):
        return None
    return "./" + quote(clip)


def _write(out: Path, template: str, **values: object) -> Path:
    path = out / "report.html"
    loader = jinja2.FileSystemLoader(HERE / "page")
    pages = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = "".join(
        file.read_text(encoding="utf-8")
        for file in (HERE.parent / "report" / "report.css", HERE / "page" / "study.css")
    )
    trusted = {"style": Markup(style), "text": text, "headline": headline, "played": played}  # noqa: S704  ours
    path.write_text(pages.get_template(template).render(**trusted, **values), encoding="utf-8")
    return path
