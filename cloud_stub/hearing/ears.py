"""Speech to text, offline: pocketsphinx, first with the grammar of the commands, then with plain English.

A closed grammar finds a command in anything: in 119 of 158 utterances that held none. So every utterance is
also read with the general language model, and a command counts only when its phones agree with the phones
of that free reading. What is no command as a whole is tried again without its first 0.3 s. It keeps nothing
of an utterance, and needs no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pocketsphinx import Decoder
from rapidfuzz.distance import Levenshtein

from cloud_stub.hearing.lexicon import Lexicon

RATE_HZ = 16_000
SHORTEST_S = 0.2
TAIL_SAMPLES = 4_800  # 0.3 s: a speaker that is sure early captures the end of its own name
AGREEMENT = 0.55
"""Least likeness of the phones, 0 to 1. Chosen on 105 commands in seven synthetic voices and 158 utterances
of other speech (105 synthetic, 53 of people): other speech reaches 0.50 at most; of the commands that the
grammar gets right 88 of 99 are above 0.55. Then, on the same sentences in other voices and on other people:
none of 225 utterances was forced into a command (4 "play the piano every day ..." were heard right, and read
as music); 86 of 90 commands had their intent, and 1 of 15 in espeak's voice (formants, not a person's)."""

_VARIANT = re.compile(r"\(\d+\)")


class Ears:
    """Two decoders, made once. For one thread at a time."""

    def __init__(
        self,
        grammar: str,
        lexicon: Lexicon,
        is_sentence: Callable[[str], bool],
        agreement: float = AGREEMENT,
    ) -> None:
        """`grammar` is JSGF text; `is_sentence` tells a whole command from the beginning of one."""
        self._least = agreement
        self._lexicon = lexicon
        self._is_sentence = is_sentence
        self._commands = Decoder(lm=None, cmn="batch", loglevel="FATAL")
        self._commands.add_jsgf_string("commands", grammar)
        self._commands.activate_search("commands")
        self._english = Decoder(cmn="batch", loglevel="FATAL")

    def hear(self, pcm: bytes) -> str:
        """The words in one utterance (s16le mono 16 kHz), lower case; "" when there are none."""
        if len(pcm) < 2 * RATE_HZ * SHORTEST_S:
            return ""
        found = self._read(pcm)
        if not self._is_sentence(found) and len(pcm) >= 2 * (TAIL_SAMPLES + RATE_HZ * SHORTEST_S):
            # the wake word's last sound may stand before the command
            later = self._read(pcm[2 * TAIL_SAMPLES :])
            found = later if self._is_sentence(later) else found
        return found

    def _read(self, pcm: bytes) -> str:
        """The command that this is, or else what it is read as without thinking of commands."""
        command, free = _decode(self._commands, pcm), _decode(self._english, pcm)
        fits = self._is_sentence(command) and self._agreement(command, free) >= self._least
        return command if fits else free

    def _agreement(self, command: str, free: str) -> float:
        return Levenshtein.normalized_similarity(self._phones(command), self._phones(free))

    def _phones(self, text: str) -> list[str]:
        return [phone for word in text.split() for phone in self._lexicon.phones([word]) or ()]


def _decode(decoder: Decoder, pcm: bytes) -> str:
    decoder.start_utt()
    decoder.process_raw(pcm[: len(pcm) & ~1], full_utt=True)
    decoder.end_utt()
    best = decoder.hyp()
    return _VARIANT.sub("", best.hypstr) if best else ""
