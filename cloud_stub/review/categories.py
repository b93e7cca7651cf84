"""What a listener may decline to hear, told from the machine's own transcript: roughly, and before
anybody hears it.

It errs on the side of sparing people: a word is enough. Pure.
"""

from collections.abc import Iterable
from typing import Literal, get_args

Category = Literal["violence", "medical", "intimate", "children"]
CATEGORIES: tuple[Category, ...] = get_args(Category)

_WORDS: dict[Category, str] = {
    "violence": "attack beat blood die dead gun help hit hurt kill knife murder police scream shoot",
    "medical": "ambulance cancer doctor dying hospital medicine overdose pain pills sick suicide",
    "intimate": "bed kiss love naked sex sexy undress",
    "children": "baby child children daddy kid kids mommy mum mummy school teddy toy",
}


def categories_in(words: Iterable[str]) -> frozenset[Category]:
    """Which of them the words of a transcript may belong to."""
    said = {word.lower().strip(".,!?") for word in words}
    return frozenset(category for category, marks in _WORDS.items() if said & {*marks.split()})


def to_bits(categories: Iterable[Category]) -> int:
    """A number to be stored and compared."""
    return sum(1 << CATEGORIES.index(each) for each in set(categories))


def from_bits(bits: int) -> frozenset[Category]:
    """What `to_bits` was given."""
    return frozenset(each for at, each in enumerate(CATEGORIES) if bits >> at & 1)
