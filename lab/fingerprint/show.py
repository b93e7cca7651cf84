"""What came of fingerprinting, on a terminal. It only prints."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.fingerprint.attack import Measured, Score
from lab.study.text import count, percent, share_text


def show(measured: Sequence[Measured], console: Console) -> None:
    """Print one table of all attacks on all sets, and what cover is worth where there is some."""
    table = Table(title="Commands told apart, right in % (95 % interval)", title_justify="left")
    for name in ("traces", "sees", "attack"):
        table.add_column(name)
    for name in ("accuracy", "x chance", "labels shuffled"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in measured:
        for row in _rows(one):
            table.add_row(*row)
        table.add_section()
    console.print(table)
    for one in measured:
        console.print(f"{one.name}: {about(one)}", markup=False, highlight=False, soft_wrap=True)
        if one.cover is not None:
            console.print(f"{one.name}: {cover(one)}", markup=False, highlight=False, soft_wrap=True)


def about(one: Measured) -> str:
    """Write what a set is, and what guessing would be right in."""
    lengths = f"; {count(one.lengths, 'length')} of utterances" if one.lengths else ""
    return (
        f"{count(one.traces, 'trace')} of {count(one.commands, 'command')}, {one.folds} folds; "
        f"chance {percent(one.chance)} %, always the commonest {percent(one.commonest)} %{lengths}"
    )


def cover(one: Measured) -> str:
    """Write how well cover is told from what was spoken; empty of a set without."""
    if one.cover is None:
        return ""
    found = one.cover
    commoner = max(found.cover, found.spoken) / (found.cover + found.spoken)
    return (
        f"{found.cover} cover among {found.spoken} spoken, uplink alone: of what is called cover "
        f"{share_text(found.precision)} is; of the cover {share_text(found.recall)} is found; right in "
        f"{share_text(found.accuracy)}, always the commoner {percent(commoner)} %"
    )


def times_chance(one: Measured, score: Score) -> str:
    """Write how many times chance an accuracy is."""
    return f"{score.accuracy.value / one.chance:.1f}"


def _rows(one: Measured) -> Iterator[tuple[str, ...]]:
    name, sees = escape(one.name), ""
    for score in one.scores:
        yield (
            name,
            "" if score.sees == sees else score.sees,
            score.attack,
            share_text(score.accuracy),
            times_chance(one, score),
            share_text(score.shuffled),
        )
        name, sees = "", score.sees
