"""Enrols a household: its recordings in, a head that stands in for the shipped one out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from device.keys import write_private
from device.wakeword import find
from device.wakeword.head import Head, Sensitivity, encode_weights
from device.wakeword.verifier import packaged, shipped_embedding
from lab.enrol.errors import EnrolError
from lab.enrol.learn import adapt, nearer, shipped_row
from lab.enrol.takes import home, takes
from lab.enrol.words import listed, minutes, words_in
from lab.study.statistics import poisson
from lab.teaching import examples
from lab.teaching.examples import Examples
from lab.teaching.fit import Row
from lab.teaching.track import Listener, Track
from lab.teaching.trial import best, false_scores

FEWEST = 3
SHOWN: tuple[Sensitivity, ...] = ("careful", "balanced", "eager")


class Change(NamedTuple):
    """What the new head changes at one sensitivity: of the household's words, and of its talk."""

    sensitivity: str
    woken: tuple[int, int]
    """How many of the recorded words wake it, before and after; after, by heads that had not learnt them."""
    false: tuple[int, int]


class Lesson(NamedTuple):
    """The household as it was heard: its words in several takes each, and its talk."""

    words: list[list[Track]]
    talk: list[Track]
    own: list[float]
    """What each word scores with a head that had not learnt from it."""


class Enrolled(NamedTuple):
    """A head, how many words it was learnt from, how much talk, and what it changes."""

    head: Head
    words: int
    hours: float
    changes: tuple[Change, ...]


def run(word: str, said: Sequence[Path], not_said: Sequence[Path], out: Path, console: Console) -> None:
    """Enrol, write the head to `out` (mode 0600) and show what it changes.

    Raises EnrolError, StudyError, ModelError: the recordings or the word cannot be used.
    """
    enrolled = enrol(word, said, not_said)
    write_private(out, msgspec.json.format(msgspec.json.encode(enrolled.head), indent=2) + b"\n")
    os.chmod(out, 0o600)
    show(enrolled, out, console)


def enrol(word: str, said: Sequence[Path], not_said: Sequence[Path], begin: Head | None = None) -> Enrolled:
    """Return the head of a household, learnt from `begin` or the one that ships. Raises as `run` does."""
    shipped = begin or packaged(find(word).word)
    if shipped is None or shipped.first_ear != find(word).sha256:
        raise EnrolError(f"{word}: no head ships for it, so there is none to begin from; choose another word")
    listener = Listener(find(word), shipped_embedding())
    heard = _heard(listed(said), listener)
    talk = [listener.hear(pcm) for pcm in minutes(listed(not_said))]
    no = [examples.of_anything_else(track, number) for number, track in enumerate(talk)] or [
        _murmurs(listener)
    ]
    start = shipped_row(shipped)
    row = adapt(start, _joined(heard, no, None))
    own = [
        best(adapt(start, _joined(heard, no, i)), tracks[0], shipped.propose)
        for i, tracks in enumerate(heard)
    ]
    levels = nearer(shipped.thresholds, own)
    head = msgspec.structs.replace(
        shipped, weights=encode_weights(row.weights), bias=round(row.bias, 5), thresholds=levels
    )
    lesson = Lesson(heard, talk, own)
    changes = tuple(_change(name, (shipped, start), (head, row), lesson) for name in SHOWN)
    hours = sum(track.rows for track in talk) / 100 / 3600
    return Enrolled(head, len(heard), hours, changes)


def _heard(files: Sequence[Path], listener: Listener) -> list[list[Track]]:
    found: list[list[Track]] = []
    without: list[str] = []
    world = home()
    for path in files:
        words = words_in(path, listener)
        if not words:
            without.append(path.name)
        found += [takes(word, len(found) + number, world, listener) for number, word in enumerate(words)]
    if len(found) < FEWEST:
        missing = f"; not heard in {', '.join(without[:5])}" if without else ""
        raise EnrolError(
            f"the word was heard {len(found)} times{missing}; record it {FEWEST} times at least, one by one"
        )
    return found


def _joined(heard: Sequence[Sequence[Track]], no: Sequence[Examples], left_out: int | None) -> Examples:
    yes = [
        part
        for number, tracks in enumerate(heard)
        if number != left_out
        for track in tracks
        if (part := examples.of_the_word(track, number)) is not None
    ]
    return examples.joined([*yes, *no])


def _murmurs(listener: Listener) -> Examples:
    """Without talk to learn from: what distant talk would be like, without words."""
    world, chance = home(), np.random.default_rng(3)
    quiet = np.zeros(6 * 16_000, np.float32)
    return examples.joined(
        [examples.of_anything_else(listener.hear(world.vary(quiet, chance)), number) for number in range(10)]
    )


def _change(name: Sensitivity, old: tuple[Head, Row], new: tuple[Head, Row], lesson: Lesson) -> Change:
    propose = old[0].propose
    before, after = old[0].thresholds.at(name), new[0].thresholds.at(name)
    woken = sum(best(old[1], tracks[0], propose) >= before for tracks in lesson.words)
    wrong = [
        sum(score >= level for score in false_scores(row, lesson.talk, propose))
        for row, level in ((old[1], before), (new[1], after))
    ]
    return Change(name, (woken, sum(score >= after for score in lesson.own)), (wrong[0], wrong[1]))


def show(enrolled: Enrolled, out: Path, console: Console) -> None:
    """Show what the head changes, and how to use it."""
    table = Table("sensitivity", "your words that wake it", "now", "false wakes in your talk", "now")
    for change in enrolled.changes:
        rate = ""
        if enrolled.hours:
            low, high = (bound / enrolled.hours for bound in poisson(change.false[1]))
            rate = f" ({low:.2f} to {high:.2f} an hour)"
        table.add_row(
            change.sensitivity,
            f"{change.woken[0]} of {enrolled.words}",
            f"{change.woken[1]} of {enrolled.words}",
            str(change.false[0]) if enrolled.hours else "–",
            f"{change.false[1]}{rate}" if enrolled.hours else "–",
        )
    console.print(table)
    console.print(
        f"{out}: put it into [wakeword] heads. It was learnt from voices: keep it on the device.",
        markup=False, soft_wrap=True,
    )  # fmt: skip
