"""Recall by distance and noise, and what delay-and-sum gains over one microphone. Pure, but for `show`.

Both beams hear the same renders of the same clips, so the gain is that of pairs: a clip that both find, or
both miss, says nothing.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from lab.study.figures import Hearing, hearings
from lab.study.records import Study
from lab.study.rooms import BEAMS, Beam, read_name
from lab.study.statistics import Interval, share, wilson
from lab.study.text import NOTHING, percent, share_text

HEADINGS = ("distance", "noise", "clips", *BEAMS.values(), "gain, points")

_Trial = tuple[str, int]  # file, round


class Row(msgspec.Struct, frozen=True):
    """Recall of one word at one distance in one noise."""

    word: str
    distance_m: float
    around: str
    """`quiet`, or the ratio and the noise: `10 dB pink noise`."""
    clips: int
    """Clips that say the word, each once."""
    first: Interval | None
    """Recall with one microphone; None if that was not heard."""
    delay_and_sum: Interval | None
    gain: Interval | None
    """Of delay-and-sum over one microphone, from -1 to 1; None unless both heard the same clips."""


def rows(study: Study) -> list[Row]:
    """Return a row for each word and room, in the order in which they were heard; none without rooms."""
    return [row for word in study.settings.words for row in _of_word(word, hearings(study, word))]


def table(among: Sequence[Row]) -> Table:
    """Return the rows as they are printed, for one word."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(HEADINGS):
        shown.add_column(heading, justify="left" if index == 1 else "right", no_wrap=True)
    for row in among:
        shown.add_row(*cells(row))
    return shown


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as text, as HEADINGS names it: for a terminal and for a page."""
    recalls = share_text(row.first), share_text(row.delay_and_sum)
    return f"{row.distance_m:g} m", row.around, str(row.clips), *recalls, gain_text(row.gain)


def gain_text(gain: Interval | None) -> str:
    """Write a gain in points of recall: `+3.0 (+0.4 to +6.1)`."""
    if gain is None:
        return NOTHING
    value, low, high = (_signed(each) for each in (gain.value, gain.low, gain.high))
    return f"{value} ({low} to {high})"


def show(study: Study, console: Console) -> None:
    """Print a table for each word; nothing for a study without rooms."""
    among = rows(study)
    for word in dict.fromkeys(row.word for row in among):
        console.print(f"\nRecall of {word} in a room", markup=False, highlight=False)
        console.print(table([row for row in among if row.word == word]))
    if among:
        note = "In brackets 95 % intervals; both beams hear the same renders, the gain is of pairs."
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def gain(before: Sequence[bool], after: Sequence[bool], heard: float = 1) -> Interval | None:
    """Return by how much a share grows when the same trials are made in another way; None of no trials.

    The interval is Newcombe's for paired shares: Wilson intervals, squared and added, with the correlation of
    the pairs (Newcombe 1998, Statistics in Medicine 17:2635, method 10). `heard`: how often each was tried.
    """
    if not before:
        return None
    pairs = list(zip(before, after, strict=True))
    count = {
        pair: pairs.count(pair) / heard
        for pair in ((True, True), (True, False), (False, True), (False, False))
    }
    trials = len(pairs) / heard
    old, new = sum(before) / len(pairs), sum(after) / len(pairs)
    old_low, old_high = wilson(sum(before) / heard, trials)
    new_low, new_high = wilson(sum(after) / heard, trials)
    phi = _phi(count[True, True], count[True, False], count[False, True], count[False, False])
    down = _reach(new - new_low, old_high - old, phi)
    up = _reach(new_high - new, old - old_low, phi)
    return Interval(new - old, new - old - down, new - old + up)


def _reach(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _phi(both: float, only_before: float, only_after: float, neither: float) -> float:
    """The correlation of pairs, as Newcombe corrects it for chance when it is positive."""
    product = (
        (both + only_before) * (only_after + neither) * (both + only_after) * (only_before + neither)
    )  # of the margins
    if not product:
        return 0.0
    excess = both * neither - only_before * only_after
    if excess > 0:
        excess = max(excess - (both + only_before + only_after + neither) / 2, 0.0)
    return excess / math.sqrt(product)


def _of_word(word: str, among: Iterable[Hearing]) -> list[Row]:
    by_room: dict[tuple[float, str], dict[Beam, dict[_Trial, bool]]] = {}
    for hearing in among:
        room = read_name(hearing.item.condition)
        if room is None or not hearing.positive or hearing.item.error:
            continue
        distance_m, around, beam = room
        trials = by_room.setdefault((distance_m, around), {}).setdefault(beam, {})
        trials[hearing.item.file, hearing.item.round] = hearing.woke
    return [_row(word, distance_m, around, by_beam) for (distance_m, around), by_beam in by_room.items()]


def _row(word: str, distance_m: float, around: str, by_beam: dict[Beam, dict[_Trial, bool]]) -> Row:
    clips = {file for trials in by_beam.values() for file, _ in trials}
    one, added = by_beam.get("first", {}), by_beam.get("delay-and-sum", {})
    pairs = sorted(one.keys() & added.keys())
    rounds = len(pairs) / max(len({file for file, _ in pairs}), 1)
    return Row(
        word, distance_m, around, len(clips), _recall(one), _recall(added),
        gain([one[trial] for trial in pairs], [added[trial] for trial in pairs], rounds),
    )  # fmt: skip


def _recall(trials: dict[_Trial, bool]) -> Interval | None:
    files = {file for file, _ in trials}
    return share(sum(trials.values()), len(trials), len(trials) / max(len(files), 1))


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{percent(abs(value))}"
