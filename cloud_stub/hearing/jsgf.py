"""Sentences to listen for: hassil templates turned into one JSGF grammar; there is one source of sentences.

It never guesses a pronunciation: what holds a word that the lexicon does not know, or free text, cannot be
listened for; it is left out, and named in the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise, permutations
from typing import NamedTuple

from hassil import Intents
from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    TextChunk,
)
from hassil.intents import RangeSlotList, TextSlotList

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORD = re.compile(r"[a-z']+")


class Grammar(NamedTuple):
    """A grammar and what is missing from it."""

    text: str
    """JSGF 1.0, one public rule."""
    left_out: tuple[str, ...]
    """Templates and list values that cannot be listened for."""


def number_words(number: int) -> str:
    """An integer from 0 to 999 as it is said in English."""
    if number >= 100:
        rest = f" {number_words(number % 100)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{rest}"
    if number >= 20:
        rest = f" {_ONES[number % 10]}" if number % 10 else ""
        return f"{_TENS[number // 10 - 2]}{rest}"
    return (_ONES + _TEENS)[number]


def write_grammar(
    intents: Intents, knows: Callable[[str], bool], spoken: Mapping[str, Iterable[str]]
) -> Grammar:
    """Turn every template that needs no context into JSGF.

    `knows` tells whether a word has a pronunciation; `spoken` gives the values of lists that are free text to
    hassil (the artists). Raises ValueError for a template that glues text to a part within one word.
    """
    return _Writer(intents, knows, spoken).grammar()


class _Writer:
    def __init__(
        self, intents: Intents, knows: Callable[[str], bool], spoken: Mapping[str, Iterable[str]]
    ) -> None:
        self._intents = intents
        self._knows = knows
        self._spoken = spoken
        self._rules: dict[str, str | None] = {}
        self._left_out: list[str] = []

    def grammar(self) -> Grammar:
        sentences = [
            self._named(sentence.text or "", self._part(sentence.expression))
            for intent in self._intents.intents.values()
            for data in intent.data
            if not data.requires_context
            for sentence in data.sentences
        ]
        rules = [f"<{name}> = {body};" for name, body in self._rules.items() if body is not None]
        public = f"public <command> = {_either(sentences) or '<VOID>'};"
        text = "\n".join(["#JSGF V1.0;", "grammar overheard;", public, *rules, ""])
        return Grammar(text, tuple(self._left_out))

    def _named(self, source: str, body: str | None) -> str | None:
        if body is None:
            self._left_out.append(source)
        return body

    def _part(self, part: Expression) -> str | None:
        """One expression in JSGF: "" for nothing to say, None for what cannot be said."""
        if isinstance(part, TextChunk):
            return self._text(part.text)
        if isinstance(part, RuleReference):
            return self._rule(f"rule_{part.rule_name}", lambda: self._rule_body(part.rule_name))
        if isinstance(part, ListReference):
            return self._rule(f"list_{part.list_name}", lambda: self._list_body(part.list_name))
        if isinstance(part, Alternative):
            return _either([self._part(item) for item in part.items])
        if isinstance(part, Permutation):
            orders = permutations([self._part(item) for item in part.items])
            return _either([_row(order) for order in orders])
        if isinstance(part, Group):
            _refuse_glue(part)
            return _row([self._part(item) for item in part.items])
        raise TypeError(f"intents: {part} is no part of a sentence known here; write it another way")

    def _text(self, text: str) -> str | None:
        words = text.lower().split()
        return " ".join(words) if all(_WORD.fullmatch(w) and self._knows(w) for w in words) else None

    def _rule(self, name: str, body: Callable[[], str | None]) -> str | None:
        if name not in self._rules:
            self._rules[name] = None  # a rule within itself cannot be said
            self._rules[name] = body()
        return None if self._rules[name] is None else f"<{name}>"

    def _rule_body(self, name: str) -> str | None:
        return self._part(self._intents.expansion_rules[name].expression)

    def _list_body(self, name: str) -> str | None:
        if name in self._spoken:
            return _either([self._named(f"{name}: {v}", self._text(v)) for v in self._spoken[name]])
        values = self._intents.slot_lists[name]
        if isinstance(values, RangeSlotList):
            return _either([self._text(number_words(int(n))) for n in values.get_numbers() if n < 1000])
        if isinstance(values, TextSlotList):
            return _either([self._part(value.text_in) for value in values.values])
        return None  # free text


def _either(parts: Iterable[str | None]) -> str | None:
    sayable = list(dict.fromkeys(part for part in parts if part is not None))
    said = " | ".join(part for part in sayable if part)
    if not said:
        return "" if sayable else None
    return f"[ {said} ]" if "" in sayable else f"( {said} )"


def _row(parts: Iterable[str | None]) -> str | None:
    said = list(parts)
    return None if None in said else " ".join(part for part in said if part)


def _refuse_glue(group: Group) -> None:
    """Grammars are made of words, so a template must not build one word out of two parts."""
    for left, right in pairwise(group.items):
        before = left.text if isinstance(left, TextChunk) else ""
        after = right.text if isinstance(right, TextChunk) else ""
        if before + after and not before[-1:].isspace() and not after[:1].isspace():
            raise ValueError(f"intents: {left} touches {right} within a word; write the words out with (a|b)")
