"""How much of what is critical is found: `python tests/benchmarks/bench_critical.py DATA/pii`.

DATA/pii holds sentences.json in the form of presidio-research. Three ways: as written, as a perfect
transcript (numbers digit by digit), and spoken by synthetic voices, heard and guarded. Beside the sentences
stand made-up numbers in sentences that do not say what they are, and on which no rule was chosen.

    --limit N      spoken: at most so many of each kind (default 40)
    --people DIR   also hear recordings of people, in the form of shared data/audio, for five minutes
    --seed N       which are drawn, and by whom they are spoken (default 11)
    --write        put the figures into docs/critical-data.md
"""

import os
import platform
import random
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]

from critical import people, tables
from critical.sentences import made_up, read, transcript, written
from critical.speech import Outcome, clips, outcome, without
from rich.progress import track

PAGE = ROOT / "docs" / "critical-data.md"
MADE_UP = 40
_MARKED = re.compile(r"(<!-- figures -->\n)(.*?)(<!-- /figures -->)", re.DOTALL)
T = TypeVar("T")


def main() -> int:
    """Do what the command line says."""
    given = _given()
    sections = []
    for section in _sections(given):
        print(section, flush=True)  # it takes minutes: what is known is shown
        sections.append(section)
    page = "\n".join(sections)
    if given.write:
        text, times = _MARKED.subn(lambda found: found[1] + page + found[3], PAGE.read_text("utf-8"))
        if times != 1:
            raise SystemExit(
                f"{PAGE}: no <!-- figures --> and <!-- /figures -->; put them where these belong"
            )
        PAGE.write_text(text, "utf-8")
    return 0


def _given() -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--people", type=Path)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def _sections(given: Namespace) -> Iterable[str]:
    yield _how(given)
    sentences, chance = read(given.folder), random.Random(given.seed)
    made = made_up(MADE_UP, chance)
    for name, texts in (("data/pii", sentences), ("Made-up numbers", made)):
        yield f"### {name}, written\n\n{tables.of_text(texts, written)}"
        said = tables.of_text(texts, lambda each: transcript(each, chance))
        yield f"### {name}, as a perfect transcript\n\n{said}"
    spoken: list[Outcome] = []
    for name, texts in (("data/pii", sentences), ("Made-up numbers", made)):
        heard = _heard(outcome, clips(texts, given.limit, chance), f"{name}, spoken")
        yield f"### {name}, spoken\n\n{tables.of_speech(heard)}"
        spoken += heard
    yield f"### Both, by voice\n\n{tables.by_voice(spoken)}"
    other = _heard(outcome, without(sentences, given.limit, chance), "no number, spoken")
    yield f"### No number, spoken\n\n{tables.of_other(other)}"
    if given.people:
        heard = _heard(people.outcome, people.clips(given.people, chance), "people")
        yield f"### People, without and with numbers\n\n{tables.of_other(heard)}"


def _heard(hear: Callable[[T], Outcome], these: list[T], name: str) -> list[Outcome]:
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(track(pool.map(hear, these), name, total=len(these)))


def _how(given: Namespace) -> str:
    people_given = " --people DATA/audio" if given.people else ""
    return (
        f"`python tests/benchmarks/bench_critical.py DATA/pii --limit {given.limit} --seed {given.seed}"
        f"{people_given}` on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}. In brackets, 95 % intervals in per cent (Wilson).\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
