"""The other second ear: openWakeWord's own heads, asked when the first ear proposes. An extra to be chosen.

Their weights are CC BY-NC-SA 4.0, not for commercial use, so the owner installs and names them; what ships is
`verifier`. This one must hear the sound itself, of which `melspectrogram` keeps 25 ms at most. It remembers
2 s of rows, inside this object only, overwritten as they age and wiped by `forget`; all else that there is to
compute waits for a proposal.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from device.wakeword.head import Thresholds
from device.wakeword.melspectrogram import BANDS, Floats, Melspectrogram
from device.wakeword.openwakeword_nets import MOST, Embeddings, OpenHead, packaged
from hardware.board import RATE_HZ


class Known(NamedTuple):
    """What is known of a word that has a head."""

    propose: float
    """The first ear proposes when the mean of its last two levels is above it."""
    window_samples: int
    """So long after a proposal the head may agree: it is sure the later the longer the word is."""
    thresholds: Thresholds
    """What a score must reach."""


# From scripts/try_openwakeword over 165 recordings with "alexa" and 1.5 h without it, chosen hard: 0, 0, 5
# false wakes, 97.6, 98.2 and 100 % heard. Other words had 2 to 4 recordings, so their thresholds are
# those of false wakes alone: none or one in 1.6 h, but that the head of "hey_jarvis" also hears "jarvis".
_USUAL, _LONGER = RATE_HZ * 240 // 1000, RATE_HZ * 480 // 1000
KNOWN: Mapping[str, Known] = MappingProxyType(
    {
        "alexa": Known(0.1, _USUAL, Thresholds(careful=0.3, balanced=0.18, eager=0.02)),
        "hey_jarvis": Known(0.1, _USUAL, Thresholds(careful=0.7, balanced=0.6, eager=0.3)),
        "hey_mycroft": Known(0.5, _LONGER, Thresholds(careful=0.46, balanced=0.3, eager=0.02)),
        "okay_nabu": Known(0.5, _LONGER, Thresholds(careful=0.2, balanced=0.1, eager=0.02)),
    }
)


class OpenWakeWordVerifier:
    """Hears everything, and says how much the last two seconds sound like a word."""

    def __init__(self, words: Collection[str]) -> None:
        """Raises ModelError: openWakeWord's package is not installed, or holds other files."""
        self._heads = {word: OpenHead(*packaged(word)) for word in words}
        self._embed = Embeddings(MOST)
        self._mel = Melspectrogram()
        self._rows: Floats = np.zeros((self._embed.rows, BANDS), np.float32)
        self._at = 0  # where the oldest row is
        self._asked = False

    def hear(self, pcm: bytes) -> None:
        """Hear s16le mono 16 kHz of any length, the continuation of what came before."""
        rows, at = self._rows, self._at
        for row in self._mel.hear(pcm):
            rows[at] = row
            at = (at + 1) % len(rows)
        self._at = at

    def score(self, word: str) -> float:
        """Return how much what is remembered sounds like `word`, 0 to 1."""
        self._asked = True
        oldest_first = np.concatenate([self._rows[self._at :], self._rows[: self._at]])
        return self._heads[word](self._embed(oldest_first))

    def forget(self) -> None:
        """Wipe what is remembered, as if there had been silence."""
        self._mel.forget()
        self._rows.fill(0)
        if self._asked:  # the networks hold what they were given last
            self._embed.forget()
            for head in self._heads.values():
                head(self._embed.silence)
            self._asked = False
