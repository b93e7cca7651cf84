"""What the words beside a number say that it is. Pure."""

import re
from collections.abc import Sequence
from typing import Literal

Label = Literal["phone", "card", "secret", "social", "place", "iban", "date"]

_WORDS: dict[Label, str] = {
    "phone": "call called calling phone telephone tel mobile cell fax office desk reach text texts"
    " dial answering messages contact whatsapp ring",
    "card": "card cards cc credit debit visa mastercard amex",
    "secret": "pin passcode password cvv cvc code account sort routing licence license",
    "social": "ssn social security insurance",
    "place": "address apt apartment suite unit box psc street road avenue zip postcode lane place st rue",
    "iban": "iban transfer wire",
    "date": "born birth birthday",
}
_LABELS: dict[str, Label] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
BEFORE, AFTER = 6, 3
"""A word says what a number is from so many words away. The one right after it is believed first, for
"555 1234 office"; then those before it, the nearest first."""


def label(word: str) -> Label | None:
    """What a single word says that a number is."""
    return next((_LABELS[part] for part in re.findall(r"[a-z]+", word.lower()) if part in _LABELS), None)


def label_of(words: Sequence[str], first: int, last: int) -> Label | None:
    """What words `first` to `last` say that they are ("8211-Office"), or else those around them."""
    own = [word for word in words[first : last + 1] if glued(word)]
    before = reversed(words[max(0, first - BEFORE) : first])
    following, *after = words[last + 1 : last + 1 + AFTER] or [""]
    return next((found for word in [*own, following, *before, *after] if (found := label(word))), None)


def glued(word: str) -> bool:
    """Whether a word with digits says itself what they are."""
    return any(map(str.isdigit, word)) and label(word) is not None
