"""Words of a transcript, said or written, as the digits and letters that they spell. Pure.

"four one double seven", "4177", "4 1 7-7", "twenty one" and "golf bravo" all become characters; every
character
remembers its word. Ears confuse: "to", "for" and "oh" are digits only among digits, "be" and "see"
letters only
among those.
"""

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

_UNIT_WORDS = "zero one two three four five six seven eight nine"
_TEEN_WORDS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NATO_WORDS = """
    alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec
    romeo sierra tango uniform victor whiskey xray yankee zulu
"""
_FILLER_WORDS = "dash hyphen minus dot point space slash then um uh er comma extension"
_UNITS, _TEENS, _TENS = _UNIT_WORDS.split(), _TEEN_WORDS.split(), _TEN_WORDS.split()

SURE: dict[str, str] = {
    **{word: str(at) for at, word in enumerate(_UNITS)},
    **{word: str(10 + at) for at, word in enumerate(_TEENS)},
    **{word: f"{2 + at}0" for at, word in enumerate(_TENS)},
    "nought": "0",
    "niner": "9",
    "hundred": "00",
    "thousand": "000",
    "plus": "+",
}
LETTERS: dict[str, str] = {
    **{letter: letter.upper() for letter in "bcdefghjklmnpqrstvwxyz"},
    **{word: word[0].upper() for word in _NATO_WORDS.split()},
    "alfa": "A",
    "zed": "Z",
    "zee": "Z",
    "gee": "G",
    "jay": "J",
    "kay": "K",
}
ALIKE: dict[str, str] = {  # sounds like one; is one only among others
    **dict.fromkeys(["oh", "o", "owe"], "0"),
    **dict.fromkeys(["won", "wan"], "1"),
    **dict.fromkeys(["to", "too"], "2"),
    **dict.fromkeys(["tree", "free"], "3"),
    **dict.fromkeys(["for", "fore", "or"], "4"),
    "hive": "5",
    **dict.fromkeys(["sex", "sics"], "6"),
    **dict.fromkeys(["ate", "hate", "eighth"], "8"),
    **dict.fromkeys(["mine", "nigh", "line"], "9"),
    **dict.fromkeys(["a", "ay", "hey"], "A"),
    **dict.fromkeys(["be", "bee"], "B"),
    **dict.fromkeys(["see", "sea"], "C"),
    **dict.fromkeys(["the", "de"], "D"),
    **dict.fromkeys(["he", "e"], "E"),
    **dict.fromkeys(["age", "each"], "H"),
    **dict.fromkeys(["i", "eye"], "I"),
    **dict.fromkeys(["el", "ell", "hell"], "L"),
    **dict.fromkeys(["em", "am", "him"], "M"),
    **dict.fromkeys(["en", "an", "and", "in", "end"], "N"),
    **dict.fromkeys(["pea", "pee"], "P"),
    **dict.fromkeys(["cue", "queue"], "Q"),
    **dict.fromkeys(["are", "our"], "R"),
    **dict.fromkeys(["ass", "es", "as", "us"], "S"),
    **dict.fromkeys(["tea", "tee"], "T"),
    **dict.fromkeys(["you", "u"], "U"),
    **dict.fromkeys(["we", "vee"], "V"),
    **dict.fromkeys(["ex", "axe"], "X"),
    **dict.fromkeys(["why", "wide"], "Y"),
}
FILLERS = frozenset(
    [
        "dash",
        "hyphen",
        "minus",
        "dot",
        "point",
        "space",
        "slash",
        "then",
        "um",
        "uh",
        "er",
        "comma",
        "extension",
    ]
)
TIMES: dict[str, int] = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?[:/]\d\d([:/]\d\d(\d\d)?)?")
_ADDRESS = re.compile(r"(\d{1,3}\.){3}\d{1,3}")
_NUMERAL = re.compile(r"[A-Za-z]{0,2}[\d(+][\d().+/\-A-Za-z]*")
_COUNTRY, _BANK = re.compile(r"[A-Z]{2}\d{2}"), re.compile(r"[A-Z]{4}")
_EXTENSION = re.compile(r"(?<=\d)(x|ext\.?)\d+$", re.IGNORECASE)


GLUED = 6
"""So many digits in a word are a number, whatever else is in it."""


class Sort(Enum):
    """How much a word looks like part of a number."""

    SURE = "sure"
    LETTER = "letter"
    ALIKE = "alike"
    FILLER = "filler"
    OTHER = "other"


class Token(NamedTuple):
    """A word, what it spells, and how sure that is."""

    word: int
    sort: Sort
    chars: str


def tokens(words: Sequence[str]) -> list[Token]:
    """One token a word, in order."""
    found: list[Token] = []
    times = 1
    for at, word in enumerate(words):
        token = _token(at, word)
        if times > 1 and len(token.chars) == 1:
            token = token._replace(chars=token.chars * times, sort=Sort.SURE)
            found[-1] = found[-1]._replace(sort=Sort.SURE)
        times = TIMES.get(word.lower(), 1)
        found.append(token)
    found = [_bank(token, words) for token in found]
    return _without_lookalikes(_with_tens(found, words))


def _token(at: int, word: str) -> Token:
    bare = word.strip(".,;:!?\"'()|").lower()
    for sort, spelled in ((Sort.SURE, SURE), (Sort.LETTER, LETTERS), (Sort.ALIKE, ALIKE)):
        if bare in spelled:
            return Token(at, sort, spelled[bare])
    if bare in FILLERS or bare in TIMES or not re.search(r"\w", bare):
        return Token(at, Sort.FILLER, "")
    return _numeral(at, word.strip(",;!?\"'|"))


def _numeral(at: int, word: str) -> Token:
    """Something written with digits. Dates, times and network addresses are none of ours."""
    bare = word.strip(".:")
    if _DATE.fullmatch(bare) or _ADDRESS.fullmatch(bare):
        return Token(at, Sort.OTHER, "")
    if not _NUMERAL.fullmatch(bare):
        return _glued(at, bare)
    chars = "".join(re.findall(r"[0-9A-Za-z]", _EXTENSION.sub("", bare))).upper()
    return Token(at, Sort.SURE, chars) if re.search(r"\d", chars) else Token(at, Sort.OTHER, "")


def _glued(at: int, bare: str) -> Token:
    """Something else with a number in it: "788-063-Office" is hidden whole, and "c3po" is not."""
    digits = re.sub(r"\D", "", bare)
    many = len(digits) >= GLUED and "@" not in bare and not _ADDRESS.search(bare)
    return Token(at, Sort.SURE, digits) if many else Token(at, Sort.OTHER, "")


def _bank(token: Token, words: Sequence[str]) -> Token:
    """The letters of a bank, written as a group of their own: GB82 WEST 1234."""
    at = token.word
    if at and _BANK.fullmatch(words[at]) and _COUNTRY.fullmatch(words[at - 1]):
        return Token(at, Sort.SURE, words[at])
    return token


def _with_tens(found: list[Token], words: Sequence[str]) -> list[Token]:
    """ "twenty one" is 21, not 201: the nought goes when a unit follows."""
    merged = list(found)
    for at in range(len(found) - 1):
        unit = found[at + 1].chars
        if words[at].lower() in _TENS and len(unit) == 1 and unit in "123456789":
            merged[at] = found[at]._replace(chars=found[at].chars[0])
    return merged


def _without_lookalikes(found: list[Token]) -> list[Token]:
    """What only sounds like a digit is one beside something else that was said singly."""
    single = [_is_single(token) for token in found]
    beside = [any(single[max(0, at - 1) : at] + single[at + 1 : at + 2]) for at in range(len(found))]
    return [
        token._replace(sort=Sort.OTHER, chars="") if token.sort is Sort.ALIKE and not near else token
        for token, near in zip(found, beside, strict=True)
    ]


def _is_single(token: Token) -> bool:
    """Whether it was said as one digit or letter, or says how often one comes."""
    if token.sort is Sort.OTHER or len(token.chars) > 2:
        return False
    return token.sort is Sort.SURE or bool(token.chars)
