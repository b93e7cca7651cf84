"""Sentences and what is critical in them: those of shared data/pii, and made-up ones."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
from stdnum import luhn
from stdnum.iban import calc_check_digits

KINDS = {
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "phone",
    "US_SSN": "ssn",
    "EMAIL_ADDRESS": "email",
    "PERSON": "name",
}
NUMBERS = ("card", "iban", "phone")
SAID = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
REGIONS = ("US", "GB", "AU", "IE", "CA", "DE", "FR", "SE", "NL", "NZ")
BANKS = ("GB", "IE", "DE", "FR", "NL", "CH")
LETTERS = {"GB": (4, 14), "IE": (4, 14), "NL": (4, 10), "DE": (0, 18), "FR": (0, 23), "CH": (0, 17)}
CARRIERS = (
    ("remind me tomorrow morning of", "before I go to work"),
    ("my sister gave me", "and I need to keep it somewhere safe"),
    ("let me spell it for you slowly", "did you get all of that"),
    ("what I had in mind was", "if that is still all right with you"),
)
"""None of these says what the number is, and no rule was chosen on them."""


class Span(NamedTuple):
    """What is critical: its kind and its characters in the text."""

    kind: str
    first: int
    end: int


class Sentence(NamedTuple):
    """A text and all that is labelled in it; other labels have the kind ""."""

    text: str
    spans: tuple[Span, ...]


class Words(NamedTuple):
    """A transcript, and the first and last word of each critical thing in it."""

    words: list[str]
    truths: list[tuple[str, int, int]]


def read(path: Path) -> list[Sentence]:
    """The sentences of a folder that holds sentences.json (the form of presidio-research). Escaped commas, as
    of contact cards, are spaces, two of them, so that spans stay right.
    """
    rows = json.loads((path / "sentences.json").read_text("utf-8"))
    return [Sentence(row["full_text"].replace("\\,", "  "), tuple(_spans(row))) for row in rows]


def _spans(row: dict[str, Any]) -> Iterator[Span]:
    end = 0
    for each in sorted(row["spans"], key=lambda span: span["start_position"]):
        if each["start_position"] >= end:
            end = each["end_position"]
            yield Span(KINDS.get(each["entity_type"], ""), each["start_position"], end)


def made_up(count: int, chance: random.Random) -> list[Sentence]:
    """So many of each kind of number, in sentences that do not say what they are."""
    makers = {"card": _card, "iban": _iban, "phone": _phone}
    return [_carried(kind, makers[kind](chance), chance) for _ in range(count) for kind in NUMBERS]


def _carried(kind: str, number: str, chance: random.Random) -> Sentence:
    before, after = chance.choice(CARRIERS)
    text = f"{before} {number} {after}"
    return Sentence(text, (Span(kind, len(before) + 1, len(before) + 1 + len(number)),))


def _digits(count: int, chance: random.Random) -> str:
    return "".join(chance.choices("0123456789", k=count))


def _card(chance: random.Random) -> str:
    number = chance.choice(["4", "51", "55", "34", "6011"])
    number += _digits((14 if number == "34" else 15) - len(number), chance)
    number += luhn.calc_check_digit(number)
    return chance.choice([number, " ".join(re.findall(".{1,4}", number))])


def _iban(chance: random.Random) -> str:
    country = chance.choice(BANKS)
    letters, digits = LETTERS[country]
    account = "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=letters)) + _digits(digits, chance)
    number = f"{country}{calc_check_digits(f'{country}00{account}')}{account}"
    return chance.choice([number, " ".join(re.findall(".{1,4}", number))])


def _phone(chance: random.Random) -> str:
    """A valid number, as it is written at home or abroad: an example with its last four digits drawn anew."""
    region, kind = chance.choice(REGIONS), chance.choice([0, 1])
    while True:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None or number.national_number is None:
            raise LookupError(f"phonenumbers has no example for {region}")
        number.national_number = number.national_number // 10_000 * 10_000 + chance.randrange(10_000)
        if phonenumbers.is_valid_number(number):
            return str(phonenumbers.format_number(number, chance.choice([1, 2])))


def written(sentence: Sentence) -> Words:
    """The words as they stand; one that is partly in a span belongs to it."""
    words = list(re.finditer(r"\S+", sentence.text))
    truths = []
    for kind, first, end in sentence.spans:
        inside = [at for at, word in enumerate(words) if word.start() < end and word.end() > first]
        if kind and inside:
            truths.append((kind, inside[0], inside[-1]))
    return Words([word.group() for word in words], truths)


def transcript(sentence: Sentence, chance: random.Random) -> Words:
    """The words as perfect ears would write them: no capitals, no full stops, numbers digit by digit."""
    words: list[str] = []
    truths = []
    at = 0
    for kind, first, end in sentence.spans:
        words += _plain(sentence.text[at:first])
        value = sentence.text[first:end]
        said = spelled(value, chance) if kind in (*NUMBERS, "ssn") else _plain(value)
        if kind and said:
            truths.append((kind, len(words), len(words) + len(said) - 1))
        words += said
        at = end
    return Words(words + _plain(sentence.text[at:]), truths)


def _plain(text: str) -> list[str]:
    bare = [re.sub(r"[^\w'@.-]", "", word).strip(".-").lower() for word in text.split()]
    return [word for word in bare if word]


def spelled(number: str, chance: random.Random) -> list[str]:
    """How it is read out: noughts as "oh" and pairs as "double" now and then; an extension is left out."""
    oh, double = chance.random() < 0.3, chance.random() < 0.3
    said: list[str] = []
    for sign, run in re.findall(r"((\w|\+)\2*)", re.sub(r"[^\w+]", "", re.sub(r"x\d+$", "", number))):
        name = "oh" if run == "0" and oh else SAID[int(run)] if run.isdigit() else run.lower()
        name = "plus" if run == "+" else name
        said += ["double", name] if double and len(sign) == 2 and run.isdigit() else [name] * len(sign)
    return said
