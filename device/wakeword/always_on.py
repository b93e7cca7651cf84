"""Words in openWakeWord's format, always listened for: sound in, a wake out that stands.

It computes what the package `pyopen-wakeword` computes, at the same times: a row of bands every 10 ms, an
embedding every 80 ms, and of the last sixteen a score for each word. Several words share all but the last.
It keeps 0.8 s of rows and 2 s of embeddings, and of the sound what `melspectrogram` needs; nothing proposes
here, and nobody is asked.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from device.wakeword.detector import Wake
from device.wakeword.manifest import Manifest
from device.wakeword.melspectrogram import BANDS, GROUP_ROWS, ROW_SAMPLES, Floats, Melspectrogram
from device.wakeword.openwakeword_nets import MOST, Embeddings, OpenHead

_EARLY_ROWS = 2  # that begin in the silence before the first sample


class _Word(NamedTuple):
    name: str
    cutoff: float
    sha256: str
    head: OpenHead


class AlwaysOn:
    """Hears one stream of audio for any number of words."""

    def __init__(self, words: Sequence[Manifest], refractory_samples: int) -> None:
        """Listen for `words`; for `refractory_samples` after a wake there is no other of the same word.

        Raises ModelError: openWakeWord's package is not installed, or a model is no head.
        """
        self._words = [
            _Word(each.word, each.cutoff, each.sha256, OpenHead(each.path, each.model)) for each in words
        ]
        self._refractory_samples = refractory_samples
        self._embed = Embeddings(1)
        self._mel = Melspectrogram()
        self._rows: Floats = np.zeros((self._embed.rows - _EARLY_ROWS, BANDS), np.float32)
        self._embeddings: Floats = np.repeat(self._embed.silence, MOST, axis=0)
        self._scores = [0.0] * len(words)
        self._deaf_until: dict[str, int] = {}

    @property
    def score(self) -> dict[str, float]:
        """The latest score of every word."""
        return {each.name: score for each, score in zip(self._words, self._scores, strict=True)}

    @property
    def threshold(self) -> dict[str, float]:
        """What a score must exceed to be a wake, of every word."""
        return {each.name: each.cutoff for each in self._words}

    def hear(self, pcm: bytes, end: int) -> Wake | None:
        """Hear s16le mono 16 kHz that ends before sample index `end`, the continuation of what came before.

        Returns the first wake in it. A frame holds one step at most, so none is lost but where two words
        are heard in one.
        """
        wake = None
        rows = np.concatenate([self._rows, self._mel.hear(pcm)])
        begin, whole = 0, self._embed.rows
        while begin + whole <= len(rows):
            self._step(rows[begin : begin + whole])
            later = (len(rows) - begin - whole) * ROW_SAMPLES + self._mel.left
            wake = wake or self._wake(end - later)
            begin += GROUP_ROWS
        self._rows = rows[begin:].copy()
        return wake

    def forget(self) -> None:
        """Wipe all that was heard, as if there had been silence. The refractory period goes on."""
        self._mel.forget()
        self._rows.fill(0)
        self._rows = np.zeros((self._embed.rows - _EARLY_ROWS, BANDS), np.float32)
        self._embed.forget()
        self._embeddings[:] = self._embed.silence
        for each in self._words:
            each.head(self._embeddings)
        self._scores = [0.0] * len(self._words)

    def reset(self) -> None:
        """Forget, and end the refractory period too: the next sample begins another stream."""
        self.forget()
        self._deaf_until.clear()

    def _step(self, power: Floats) -> None:
        self._embeddings[:-1] = self._embeddings[1:]
        self._embeddings[-1:] = self._embed(power)
        self._scores = [each.head(self._embeddings) for each in self._words]

    def _wake(self, sample: int) -> Wake | None:
        for each, score in zip(self._words, self._scores, strict=True):
            if score > each.cutoff and sample >= self._deaf_until.get(each.name, sample):
                self._deaf_until[each.name] = sample + self._refractory_samples
                return Wake(each.name, score, sample, each.sha256)
        return None
