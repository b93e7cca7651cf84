"""What a study comes to, for a terminal and as summary.json. It counts nothing itself: `figures` does."""

from pathlib import Path

import msgspec
from rich.table import Table

from lab.study.figures import Figures, figures, hearings, split
from lab.study.records import AS_IT_IS, Settings, Study
from lab.study.statistics import Durations
from lab.study.text import NOTHING, rate_text, share_text

SUMMARY = "summary.json"


class Word(msgspec.Struct, frozen=True):
    """What came of one wake word."""

    all: Figures
    by_condition: list[Figures]


class Summary(msgspec.Struct, frozen=True):
    """A study in numbers."""

    settings: Settings
    files: int
    broken: int
    """Files that could not be heard to their end."""
    hours: float
    """Of audio, each file once."""
    words: list[Word]


def summarize(study: Study) -> Summary:
    """Return the numbers of a study."""
    first = [item for item in study.items if item.round == 0 and item.condition == AS_IT_IS]
    words = []
    for word in study.settings.words:
        among = hearings(study, word)
        words.append(Word(figures(word, word, among), split(word, among, lambda item: item.condition)))
    broken = len({item.file for item in study.items if item.error is not None})
    return Summary(study.settings, len(first), broken, sum(item.seconds for item in first) / 3600, words)


def write(out: Path, summary: Summary) -> None:
    """Write summary.json. Raises OSError."""
    (out / SUMMARY).write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")


def table(summary: Summary) -> Table:
    """Return the statement that a study ends with: a row for each number, a column for each word."""
    rounds = summary.settings.rounds
    title = f"{summary.hours:.2f} h in {summary.files} files, {rounds} round{'s' * (rounds > 1)}"
    shown = Table(title=title, title_justify="left")
    shown.add_column("95 % intervals in brackets")
    columns = [_cells(word) for word in summary.words]
    for word in summary.words:
        shown.add_column(word.all.word, justify="right")
    for name in dict.fromkeys(name for column in columns for name in column):
        shown.add_row(name, *(column.get(name, NOTHING) for column in columns))
    return shown


def _cells(word: Word) -> dict[str, str]:
    all_, again = word.all, word.all.again
    recall = {
        f"recall, {each.name}": f"{each.woken} of {each.positives}  {share_text(each.recall)}"
        for each in word.by_condition
        if each.positives
    }
    return {
        "hours without the word, all rounds": f"{all_.hours:.2f}",
        "rejected by the second ear": str(all_.rejected),
        "false wakes": str(all_.false_wakes),
        "false wakes an hour": rate_text(all_.per_hour),
        "false wakes by 10,000 words": rate_text(all_.per_10k_words),
        "would have been sent, P50, P75, P90, max": _durations(all_.durations),
        "of them in over 3/4 of the rounds": f"{again.often} of {again.distinct}" if again else NOTHING,
        **recall,
    }


def _durations(sent: Durations | None) -> str:
    if sent is None:
        return NOTHING
    return f"{sent.p50_s:.1f}, {sent.p75_s:.1f}, {sent.p90_s:.1f}, {sent.max_s:.1f} s"
