"""What the table of the PETS 2020 study comes to, in sentences. Pure."""

from lab.study.pets_rows import Published, Row
from lab.study.text import count


def headline(published: Published) -> str:
    """Say the highest rate of all, as the paper's abstract does; in two sentences if words say another."""
    row, by_words = published.worst(), published.worst_by_words()
    if row == by_words:
        return f"At most: {_who(row)}, {row.show}: {_an_hour(row)}, {_per_words(row)}."
    return (
        f"At most an hour: {_who(row)}, {row.show}: {_an_hour(row)}. "
        f"At most per word: {_who(by_words)}, {by_words.show}: {_per_words(by_words)}."
    )


def played(published: Published) -> str:
    """Say how much was played, and how much was misheard."""
    every, shows = published.shows[-1], len(published.shows) - 1
    misheard, words = count(every.count, "misactivation"), count(every.words or 0, "word")
    return f"{misheard} in {every.hours:.1f} hours and {words} of {count(shows, 'show')}."


def _who(row: Row) -> str:
    return f"{row.speaker}, “{row.word}”"


def _an_hour(row: Row) -> str:
    return f"{row.per_hour.value:.2f} an hour" if row.per_hour else "no hours"


def _per_words(row: Row) -> str:
    return f"{row.per_10k_words.value:.2f} per 10,000 words" if row.per_10k_words else "no words"
