"""What is critical in a transcript: cards, accounts, telephone numbers, names, and long numbers of no
kind known.

Check digits by python-stdnum, telephone numbers by phonenumbers (Google's metadata). Pure.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import phonenumbers
from stdnum import iban, luhn

from cloud_stub.critical.labels import Label, label_of
from cloud_stub.critical.names import names
from cloud_stub.critical.runs import Run, runs
from cloud_stub.critical.spoken import tokens

Kind = Literal["card", "iban", "phone", "ssn", "email", "name", "number"]

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_MAIL = re.compile(r"[^\s@|]+@[^\s@|]+\.[A-Za-z]{2,}")
_ENDINGS = frozenset(["com", "org", "net", "edu", "gov", "uk", "de", "eu", "fr", "io", "co", "us"])
_REGIONS = ("US", "GB", "DE", "FR", "SE", "AU")
LONG = 7
"""So many digits in a row are somebody's number."""

LONGEST_SAID = 20
"""Fifteen digits have the longest, and a post code may run into one."""

SECRET = 3
"""So many are, where a word says that they are secret."""


class Found(NamedTuple):
    """Words `first` to `last` are of this kind; "number" is one that could not be placed."""

    kind: Kind
    first: int
    last: int


def find(words: Sequence[str]) -> list[Found]:
    """Everything critical, in order, without overlaps."""
    found = _mails(words)
    for run in runs(tokens(words), words):
        kind = _kind(run, words)
        if kind is not None and not _touches(found, run.first, run.last):
            found.append(Found(kind, run.first, run.last))
    for first, last in names(words):
        if not _touches(found, first, last):
            found.append(Found("name", first, last))
    return sorted(found, key=lambda each: each.first)


def _touches(found: Sequence[Found], first: int, last: int) -> bool:
    return any(each.first <= last and first <= each.last for each in found)


def _mails(words: Sequence[str]) -> list[Found]:
    """Written addresses, and "jane dot doe at example dot com"."""
    found = [Found("email", at, at) for at, word in enumerate(words) if _MAIL.search(word)]
    said = [word.lower().strip(".,") for word in words]
    for at in range(1, len(said) - 3):
        if said[at] == "at" and said[at + 2] == "dot" and said[at + 3] in _ENDINGS:
            first = at - 1
            while first >= 2 and said[first - 1] in ("dot", "underscore", "dash"):
                first -= 2
            found.append(Found("email", first, at + 3))
    return found


def _kind(run: Run, words: Sequence[str]) -> Kind | None:
    digits, said = run.digits, label_of(words, run.first, run.last)
    if _is_iban(run.chars) or (said == "iban" and len(digits) >= 8 and re.match(r"[A-Z]{2}", run.chars)):
        return "iban"
    if len(digits) < LONG:
        return "number" if said == "secret" and len(digits) >= SECRET else None
    written = " ".join(words[run.first : run.last + 1])
    if len(digits) == 9 and (said == "social" or re.search(r"\b\d{3}-\d{2}-\d{4}\b", written)):
        return "ssn"
    if any(_is_card(reading, said, written) for reading in run.readings()):
        return "card"
    return "phone" if any(_is_phone(each, said, written) for each in run.readings()) else "number"


def _is_iban(chars: str) -> bool:
    """By its check digits; or by a shape that nothing else has, since ears make mistakes."""
    for start in range(len(chars)):
        match = _IBAN.match(chars, start)
        if match is None:
            continue
        spelled = match.group()
        bank = spelled[4:8].replace("0", "O")  # said, they are the same
        if bank.isalpha() and bank != "OOOO":
            spelled = spelled[:4] + bank + spelled[8:]
        if any(iban.is_valid(spelled[:end], check_country=False) for end in range(15, len(spelled) + 1)):
            return True
        if spelled[4:8].isalpha():
            return True
    return False


def _is_card(digits: str, said: Label | None, written: str) -> bool:
    if said == "phone" or (said != "card" and (written[0] in "+(" or digits.startswith("00"))):
        return False
    return (13 if said != "card" else 12) <= len(digits) <= 19 and luhn.is_valid(digits)


def _is_phone(digits: str, said: Label | None, written: str) -> bool:
    if said == "phone":
        return len(digits) <= LONGEST_SAID
    if len(digits) > 15 or said is not None:
        return False
    if written[0] in "+(" or re.fullmatch(r"\d{2,4}([.-]\d{2,4}){2,4}", written):
        return True
    return len(digits) >= 9 and any(_is_number(digits, region) for region in _REGIONS)


def _is_number(digits: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False
