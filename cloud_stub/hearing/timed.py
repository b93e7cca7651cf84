"""Words with the samples that they span: by general English, and where somebody spells, by ears for that.

It keeps nothing of what it heard.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pocketsphinx import Decoder

from cloud_stub.hearing.spelled import LETTER_A, open_spelled, parts
from cloud_stub.hearing.stretches import Part, Stretch

RATE_HZ = 16_000
FRAME_SAMPLES = 160
"""pocketsphinx counts in frames of 10 ms."""

EDGE_FRAMES = 20
"""What a spelled stretch is longer on each side: its outermost digit is often half heard."""

_NO_WORD = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")


class TimedWord(NamedTuple):
    """A word, lower case, its first sample and the one after its last.

    `spelled` is true for all the digits and letters that were heard in one stretch of spelling, where some
    may have been missed; they hide or show together.
    """

    text: str
    start_sample: int
    end_sample: int
    spelled: bool = False


def open_timed() -> Callable[[bytes], list[TimedWord]]:
    """Load the models (two seconds, 150 MB); return what hears sound (s16le mono 16 kHz). For one thread at a
    time.
    """
    decoder = Decoder(cmn="batch", loglevel="FATAL")
    spelled = open_spelled()

    def listen(sound: bytes) -> list[TimedWord]:
        english = parts(decoder, sound)
        found = spelled(sound, english)
        return _in_order(english, found)

    return listen


def _in_order(english: Sequence[Part], found: Sequence[tuple[Stretch, list[Part]]]) -> list[TimedWord]:
    """English, but where something is spelled; there, that."""
    words = [_word(each) for each in english if not _NO_WORD.fullmatch(each.text)]
    kept = [word for word in words if not any(_covers(stretch, word) for stretch, _ in found)]
    return sorted([*kept, *_spellings(found)], key=lambda word: word.start_sample)


def _covers(stretch: Stretch, word: TimedWord) -> bool:
    middle = (word.start_sample + word.end_sample) // 2
    return stretch.first * FRAME_SAMPLES <= middle <= (stretch.last + 1) * FRAME_SAMPLES


def _spellings(found: Sequence[tuple[Stretch, list[Part]]]) -> Iterable[TimedWord]:
    for _, heard in found:
        ends = {id(heard[0]): (EDGE_FRAMES, 0)} | {id(heard[-1]): (0, EDGE_FRAMES)}
        for each in heard:
            before, after = ends.get(id(each), (0, 0))
            wider = each._replace(first=max(0, each.first - before), last=each.last + after)
            yield _word(wider)._replace(spelled=True)


def _word(part: Part) -> TimedWord:
    text = "a" if part.text == LETTER_A else part.text
    return TimedWord(text, part.first * FRAME_SAMPLES, (part.last + 1) * FRAME_SAMPLES)
