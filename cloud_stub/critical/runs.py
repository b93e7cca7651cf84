"""Stretches of words that spell a number together. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cloud_stub.critical.labels import glued, label
from cloud_stub.critical.spoken import Sort, Token

BRIDGE = 3
"""A word that ears made of nothing may stand between so many sure digits on either side."""


_ENDS = frozenset(["oh", "o", "e", "i"])


class Run(NamedTuple):
    """Words `first` to `last`, and what they spell."""

    first: int
    last: int
    pieces: tuple[str, ...]
    """What each word spells."""
    broken: bool
    """Whether a word in the middle spelled nothing: then something is lacking."""

    @property
    def chars(self) -> str:
        """All that is spelled."""
        return "".join(self.pieces)

    @property
    def digits(self) -> str:
        """The digits alone."""
        return re.sub(r"\D", "", self.chars)

    def readings(self) -> Iterator[str]:
        """The digits; then without what the first word, the last, or both spell: "this one 4111"."""
        spelled = [re.sub(r"\D", "", piece) for piece in self.pieces]
        spelled = [piece for piece in spelled if piece]
        yield "".join(spelled)
        yield from ("".join(spelled[cut]) for cut in (slice(1, None), slice(-1), slice(1, -1)))


def runs(found: Sequence[Token], words: Sequence[str]) -> list[Run]:
    """Every stretch that has digits, in order, as long as they go."""
    whole = [_trimmed(stretch, words) for stretch in _stretches(found, words)]
    joined: list[Run] = []
    for stretch in (each for each in whole if each):
        run = _run(stretch)
        last = joined[-1] if joined else None
        if last is not None and _one_number(last, run, found, words):
            joined[-1] = Run(last.first, run.last, last.pieces + run.pieces, broken=True)
        else:
            joined.append(run)
    return joined


def _one_number(last: Run, run: Run, found: Sequence[Token], words: Sequence[str]) -> bool:
    """Whether one word between two spoken stretches is likelier a digit misheard than the end of a number."""
    said = len(found[last.last].chars) == len(found[run.first].chars) == 1
    apart = words[last.last + 1 : run.first]
    many = min(len(last.digits), len(run.digits)) >= BRIDGE
    return said and many and len(apart) == 1 and label(apart[0]) is None


def _stretches(found: Sequence[Token], words: Sequence[str]) -> Iterator[list[Token]]:
    stretch: list[Token] = []
    for token in found:
        if token.sort is Sort.OTHER or _begins(words, token.word):
            yield stretch
            stretch = []
        if token.sort is not Sort.OTHER:
            stretch.append(token)
        if glued(words[token.word]):  # it says what it was: that is its end
            yield stretch
            stretch = []
    yield stretch


def _begins(words: Sequence[str], at: int) -> bool:
    """Whether a number begins here, whatever stands before: "+46 (0)8" does so once."""
    word, before = words[at], words[at - 1] if at else ""
    return word.lower() == "plus" or word[:1] == "+" or (word[:1] == "(" and before[:1] != "+")


def _trimmed(stretch: list[Token], words: Sequence[str]) -> list[Token]:
    """Without what is only like a number at its ends: that may be a word. "Oh" beside a digit is a nought,
    and a letter by itself a letter, as in "i e two nine".
    """
    sure = [
        at
        for at, token in enumerate(stretch)
        if token.sort in (Sort.SURE, Sort.LETTER) or words[token.word].lower() in _ENDS
    ]
    if not any(token.sort is Sort.SURE for token in stretch):
        return []
    return stretch[sure[0] : sure[-1] + 1]


def _run(stretch: Sequence[Token]) -> Run:
    pieces = tuple(token.chars for token in stretch)
    return Run(stretch[0].word, stretch[-1].word, pieces, broken=False)
