"""Names of people, by what stands before and after them. No list of names: most of those are missed. Pure."""

import re
from collections.abc import Iterator, Sequence

_BEFORE = (
    ("my", "name", "is"),
    ("name", "is"),
    ("names", "is"),
    ("called",),
    ("i", "am", "called"),
    ("speaking", "to"),
    ("sincerely",),
    ("regards",),
    ("name:",),
)
_TITLES = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "doctor", "prof", "professor", "sir", "madam", "mister", "missus"]
)
_AFTER = frozenset(["speaking", "calling", "here"])
_NONE = """
    a about account address after again all also am an and are as at be been before but by can card
    could day did do does don't for from get go good had has have he hello help her here hi him his how
    i if in incorrectly iban is it its just know like ll lost make me music my name no not now number of
    ok okay on one or our out phone play please put she so some speaking stop that the their them then
    there they this time to today turn two up us very was we well were what when where which who why
    will with wrong would yes you your
"""
_NO_NAMES = frozenset(_NONE.split())
MOST = 3


def names(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last word of every name, in no order; they may overlap."""
    said = [re.sub(r"[^\w':]", "", word.lower()) for word in words]
    for at in range(len(said)):
        if any(tuple(said[at : at + len(each)]) == each for each in _BEFORE):
            length = next(len(each) for each in _BEFORE if tuple(said[at : at + len(each)]) == each)
            yield from _name(words, said, at + length)
        elif said[at] in _TITLES:
            yield from _name(words, said, at + 1)
        elif said[at : at + 2] == ["this", "is"]:
            yield from _introduced(words, said, at + 2)


def _introduced(words: Sequence[str], said: Sequence[str], first: int) -> Iterator[tuple[int, int]]:
    """ "This is ... speaking", and nothing else that this is."""
    for start, last in _name(words, said, first):
        if last + 1 < len(said) and said[last + 1] in _AFTER:
            yield start, last


def _name(words: Sequence[str], said: Sequence[str], first: int) -> Iterator[tuple[int, int]]:
    """As many words as may be a name: with capitals where the text has them; not past a comma or full
    stop.
    """
    capitals = any(word[:1].isupper() for word in words[1:])
    while first < len(said) and said[first] in _TITLES:
        first += 1
    last = first
    while last < min(len(said), first + MOST) and _may_be_one(words[last], said[last], capitals=capitals):
        last += 1
        if words[last - 1][-1:] in ".,;!?|" and len(words[last - 1]) > 2:
            break
    if last > first:
        yield first, last - 1


def _may_be_one(word: str, said: str, *, capitals: bool) -> bool:
    if not said or said in _NO_NAMES or not said.replace("'", "").isalpha():
        return False
    return word[:1].isupper() or not capitals
