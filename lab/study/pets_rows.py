"""Rates of misactivations: theirs, by speaker and show, and ours, counted by the same rule. Pure.

Nothing published is written down here: the headline is the highest rate that the files give.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from lab.study.moments import SAME_S, Moment, merge
from lab.study.pets import Setup, read_study
from lab.study.pets_files import Episode
from lab.study.records import Item, Study
from lab.study.statistics import Durations, Interval, durations, rate, share

HOUR_S = 3600
TEN_THOUSAND = 10_000
TOGETHER = "all together"


class Row(msgspec.Struct, frozen=True):
    """What a speaker misheard in one show, or in all that was played."""

    speaker: str
    word: str
    show: str | None
    """None is all that was played."""
    count: int
    hours: float
    words: int | None
    per_hour: Interval | None
    per_10k_words: Interval | None
    """None where the words were not counted."""
    durations: Durations | None
    often: Interval | None
    """The share of its misactivations that came in more than three quarters of the runs; None of one run."""


class Published(msgspec.Struct, frozen=True):
    """The whole table of the PETS 2020 study, from its files."""

    speakers: tuple[Row, ...]
    """A row for each speaker and wake word, over all shows."""
    shows: tuple[Row, ...]
    """A row for each show and one for all of them, with the speakers taken together, as in one room."""
    cells: tuple[Row, ...]
    """A row for each speaker and show."""

    def worst(self, row: Row | None = None) -> Row:
        """Return the cell with the most misactivations an hour: of all, or of a speaker's or show's row."""
        cells = [cell for cell in self.cells if row is None or _belongs(cell, row)]
        return max(cells, key=lambda cell: cell.per_hour.value if cell.per_hour else -1)

    def worst_by_words(self) -> Row:
        """Return the cell with the most misactivations per 10,000 words."""
        return max(self.cells, key=lambda cell: cell.per_10k_words.value if cell.per_10k_words else -1)


def _belongs(cell: Row, row: Row) -> bool:
    return row.show in (None, cell.show) and (row.speaker == TOGETHER or _who(cell) == _who(row))


def _who(row: Row) -> tuple[str, str]:
    return row.speaker, row.word


def read_published(given: Path) -> Published:
    """Return the table of the study in a folder, its `data`. Raises StudyError."""
    return published(*read_study(given))


def published(episodes: Mapping[str, Episode], found: Mapping[Setup, Sequence[Moment]]) -> Published:
    """Return the table of what `read_study` returns."""
    shows = [*dict.fromkeys(episode.show for episode in episodes.values()), None]
    mine = {setup: [_of(setup, show, ones, episodes) for show in shows] for setup, ones in found.items()}
    everything = [one for ones in found.values() for one in ones]
    together = Setup(TOGETHER, "", "", ("", ""))
    return Published(
        speakers=tuple(rows[-1] for rows in mine.values()),
        shows=tuple(_of(together, show, everything, episodes) for show in shows),
        cells=tuple(row for rows in mine.values() for row in rows[:-1]),
    )


def _of(setup: Setup, show: str | None, found: Iterable[Moment], episodes: Mapping[str, Episode]) -> Row:
    played = [episode for episode in episodes.values() if show in (None, episode.show)]
    heard = [one for one in found if show in (None, episodes[one.played].show)]
    hours, words = sum(one.seconds for one in played) / HOUR_S, sum(one.words for one in played)
    return _row(setup.speaker, setup.word, show, heard, hours, (len(heard), words))


def _row(
    speaker: str, word: str, show: str | None, found: Sequence[Moment], hours: float, spoken: tuple[int, int]
) -> Row:
    """Make a row; `spoken` are the misactivations where words were counted, and the words."""
    several = [one for one in found if one.out_of > 1]
    return Row(
        speaker,
        word,
        show,
        len(found),
        hours,
        spoken[1] or None,
        rate(len(found), hours),
        rate(spoken[0], spoken[1] / TEN_THOUSAND),
        durations([one.duration_s for one in found]),
        share(sum(one.often for one in several), len(several)),
    )


def own_rows(study: Study) -> list[Row]:
    """Return a row for each wake word and condition with audio without it, by the rule of `lab.study.pets`.

    Their two full rounds are our first two (or the only one), and their light is what would have been sent.
    Files that say the word are left out. Words count in files with a transcript that were heard to their end.
    """
    conditions = dict.fromkeys(item.condition for item in study.items)
    rows = [_own(study, word, condition) for word in study.settings.words for condition in conditions]
    return [row for row in rows if row.hours]


def _own(study: Study, word: str, condition: str) -> Row:
    mine = [item for item in study.items if item.condition == condition]
    played = {item.file: item for item in mine if item.round == 0 and item.label != word}
    woken = [
        Moment(
            one.file, one.at_s, one.at_s + one.sent_s, one.sent_s, frozenset({str(one.round)}), _rounds(mine)
        )
        for one in study.heard
        if (one.word, one.condition, one.accepted) == (word, condition, True) and one.file in played
    ]
    found = [one for one in merge(woken, SAME_S) if not one.runs.isdisjoint({"0", "1"})]
    words = {file: item.words for file, item in played.items() if item.words and not item.error}
    told = sum(one.played in words for one in found), sum(words.values())
    hours = sum(item.seconds for item in played.values()) / HOUR_S
    return _row("Overheard", word, condition, found, hours, told)


def _rounds(items: Iterable[Item]) -> int:
    return len({item.round for item in items})
