"""Ears for what is said digit by digit or spelled: they know digits, letters, and bare sounds.

General English hears "four oh double one" as any words. These have a word for every single sound beside the
digits, and so can leave to the sounds what is no digit: no grammar forces numbers into speech without any.
They do not say what the other words were, and keep nothing.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder, get_model_path

from cloud_stub.hearing.lexicon import DICTIONARY
from cloud_stub.hearing.stretches import Part, Rule, Stretch, joined, stretches

_DIGIT_WORDS = "zero one two three four five six seven eight nine oh double triple"
DIGITS = frozenset(_DIGIT_WORDS.split())
LETTERS = frozenset("bcdefghijklmnopqrstuvwxyz")
"""As the dictionary says them; "a" is not among them, since it says that as in "a house"."""
LETTER_A = "ay"
_SOUNDS = """
    AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH
"""
LETTER, BARE, PAUSE = 0.3, 0.05, 1e-4
"""How likely a letter or a bare sound is beside a digit, and a pause anywhere: some voices sound like one to
ears that like pauses more.
"""

DIGIT_RULE = Rule(spelled=1.0, difference=0.5, sound=0.5, enough=160)
LETTER_RULE = Rule(spelled=0.6, difference=1.0, sound=0.5, enough=220)
LEAST_DIGITS, LEAST_LETTERS = 5, 4
"""So many are heard in a stretch; the other digits of its number may not be."""

_FAINTEST = 1e-300


def open_spelled() -> Callable[[bytes, Sequence[Part]], list[tuple[Stretch, list[Part]]]]:
    """Load both recognisers (half a second); return what finds the stretches of a sound (s16le mono 16 kHz)
    that are spelled, each with the digits and letters in it. It is told what general English heard. For one
    thread at a time.
    """
    digits = _open(dict.fromkeys(DIGITS, 1.0))
    letters = _open(dict.fromkeys(DIGITS, 1.0) | dict.fromkeys(LETTERS | {LETTER_A}, LETTER))

    def spelled(sound: bytes, english: Sequence[Part]) -> list[tuple[Stretch, list[Part]]]:
        rustling = _rustling(sound)
        plain, mixed = parts(digits, rustling), parts(letters, rustling)
        numbers = [
            each for each in stretches(plain, english, DIGIT_RULE, _is_digit) if _is_number(each, plain)
        ]
        codes = [each for each in stretches(mixed, english, LETTER_RULE, _is_either) if _is_code(each, mixed)]
        return [
            (each, _within(each, mixed if any(_meet(each, code) for code in codes) else plain, _is_either))
            for each in joined([*numbers, *codes])
        ]

    return spelled


def parts(decoder: Decoder, sound: bytes) -> list[Part]:
    """All that a recogniser hears in sound (s16le mono 16 kHz), bare sounds and pauses included."""
    decoder.start_utt()
    decoder.process_raw(sound[: len(sound) & ~1], full_utt=True)
    decoder.end_utt()
    return [
        Part(
            each.word.partition("(")[0],
            each.start_frame,
            each.end_frame,
            math.log(max(each.ascore, _FAINTEST)) / (each.end_frame - each.start_frame + 1),
        )
        for each in decoder.seg() or ()
    ]


def _rustling(sound: bytes) -> bytes:
    """With the last bit of a quarter of the samples up by one, as of any microphone: the features of perfect
    silence are nowhere near those of any sound. The same for the same sound.
    """
    samples = np.frombuffer(sound[: len(sound) & ~1], "<i2")
    noise = np.random.default_rng(0).random(len(samples)) < 0.25
    return (samples + (noise & (samples < np.iinfo(np.int16).max))).astype("<i2").tobytes()


def _is_digit(text: str) -> bool:
    return text in DIGITS


def _is_letter(text: str) -> bool:
    return text in LETTERS or text == LETTER_A


def _is_either(text: str) -> bool:
    return _is_digit(text) or _is_letter(text)


def _meet(one: Stretch, other: Stretch) -> bool:
    return one.first <= other.last and other.first <= one.last


def _within(stretch: Stretch, heard: Sequence[Part], is_one: Callable[[str], bool]) -> list[Part]:
    return [each for each in heard if stretch.first <= each.first <= stretch.last and is_one(each.text)]


def _is_number(stretch: Stretch, heard: Sequence[Part]) -> bool:
    return len(_within(stretch, heard, _is_digit)) >= LEAST_DIGITS


def _is_code(stretch: Stretch, heard: Sequence[Part]) -> bool:
    """Letters and digits; without digits it would be a name that is spelled, or no spelling at all."""
    letters, digits = (len(_within(stretch, heard, is_one)) for is_one in (_is_letter, _is_digit))
    return letters >= LEAST_LETTERS and digits >= LEAST_DIGITS


def _open(weights: Mapping[str, float]) -> Decoder:
    """A recogniser of these words and the bare sounds, with a small dictionary: all of English takes long.

    A sound that is a word by itself, as "i" is, is no bare sound beside it: chance would choose between them.
    """
    said = dict(_pronunciations(weights))
    sounds = {f"_{sound.lower()}": sound for sound in _SOUNDS.split() if sound not in said.values()}
    with tempfile.TemporaryDirectory(prefix="overheard-spelled-") as folder:
        words, model = Path(folder) / "words.dict", Path(folder) / "words.lm"
        lines = [f"{word} {phones}\n" for word, phones in (said | sounds).items()]
        words.write_text("".join(lines), encoding="ascii")
        model.write_text(_unigrams({**weights, **dict.fromkeys(sounds, BARE)}), encoding="ascii")
        return Decoder(dict=str(words), lm=str(model), cmn="batch", silprob=PAUSE, loglevel="FATAL")


def _pronunciations(words: Container[str]) -> Iterator[tuple[str, str]]:
    """The dictionary's words and their phones, second ways to say them included."""
    with Path(get_model_path(DICTIONARY)).open(encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.strip().partition(" ")
            if word.partition("(")[0] in words:
                yield word, phones


def _unigrams(weights: Mapping[str, float]) -> str:
    """A language model (ARPA) to which each word is as likely after any other."""
    whole = sum(weights.values())
    lines = [f"{math.log10(weight / whole):.4f} {word}" for word, weight in sorted(weights.items())]
    head = ["\\data\\", f"ngram 1={len(lines) + 2}", "", "\\1-grams:", "-99 <s>", "-1.5 </s>"]
    return "\n".join([*head, *lines, "", "\\end\\", ""])
