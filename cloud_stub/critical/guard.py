"""From words with times and their sound to what a person may read and hear. Pure."""

from collections.abc import Sequence
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
    """Hide what is critical, in words and sound (s16le mono 16 kHz) alike."""
    texts = [each.text for each in words]
    found = find(texts)
    stretches = [
        (words[each.first].start_sample - MARGIN, words[each.last].end_sample + MARGIN) for each in found
    ]
    masked = [
        TimedWord(text, each.start_sample, each.end_sample)
        for text, each in zip(mask(texts, found), words, strict=True)
        if text
    ]
    return Guarded(masked, bleep(sound, stretches), found)
