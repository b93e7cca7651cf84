"""From words with times and their sound to what a person may read and hear. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cloud_stub.critical.bleep import MARGIN, bleep
from cloud_stub.critical.find import Found, find
from cloud_stub.critical.mask import mask
from cloud_stub.hearing.timed import TimedWord


class Guarded(NamedTuple):
    """words: what is hidden reads `[kind]`. sound: with tones over it. found: what was hidden, by word."""

    words: list[TimedWord]
    sound: bytes
    found: list[Found]


def guard(words: Sequence[TimedWord], sound: bytes) -> Guarded:
    """Hide what is critical, in words and sound (s16le mono 16 kHz) alike; all that is spelled is."""
    texts = [each.text for each in words]
    found = _with_spellings(find(texts), words)
    stretches = [
        (words[each.first].start_sample - MARGIN, words[each.last].end_sample + MARGIN) for each in found
    ]
    masked = [
        TimedWord(text, each.start_sample, each.end_sample)
        for text, each in zip(mask(texts, found), words, strict=True)
        if text
    ]
    return Guarded(masked, bleep(sound, stretches), found)


def _with_spellings(found: Sequence[Found], words: Sequence[TimedWord]) -> list[Found]:
    """Every find grown over the spelling that it is in; a spelling in which none is, is a "number".

    Ears miss digits, so a spelled number need not look like one any more.
    """
    whole: list[Found] = []
    for each in sorted([*_spellings(words), *found], key=lambda each: each.first):
        if whole and each.first <= whole[-1].last:
            whole[-1] = _together(whole[-1], each)
        else:
            whole.append(each)
    return whole


def _together(one: Found, other: Found) -> Found:
    known = [each for each in (one, other) if each.kind != "number"] or [one]
    widest = max(known, key=lambda each: each.last - each.first)
    return Found(widest.kind, min(one.first, other.first), max(one.last, other.last))


def _spellings(words: Sequence[TimedWord]) -> Iterator[Found]:
    first = None
    for at, word in enumerate([*words, TimedWord("", 0, 0)]):
        if word.spelled and first is None:
            first = at
        elif not word.spelled and first is not None:
            yield Found("number", first, at - 1)
            first = None
