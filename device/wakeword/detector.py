"""The first ear: frames in, a wake out.

Several words share one front end. Time is a sample index, so what is found does not depend on how the audio
is cut into calls. Never keeps audio, and never decides what a wake is good for.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.errors import ModelError
from device.wakeword.features import Features
from device.wakeword.model import Model

NO_OVERRIDES: Mapping[str, float] = MappingProxyType({})


class Wake(NamedTuple):
    """A wake word was heard."""

    word: str
    score: float
    """What crossed the threshold: the sliding mean of the model's probabilities."""
    sample: int
    """The sample index up to which the detector had heard when it was sure."""
    model_sha256: str
    stands: bool = True
    """False: it is a proposal, and the second ear decides."""


class Detector:
    """Hears one stream of audio for any number of words."""

    def __init__(
        self,
        models: Sequence[Model],
        refractory_samples: int = 32_000,
        thresholds: Mapping[str, float] = NO_OVERRIDES,
        proposing: Collection[str] = (),
        keep: Callable[[npt.NDArray[np.float64]], None] | None = None,
    ) -> None:
        """Listen for `models`; for `refractory_samples` after a wake there is no other of the same word.

        `thresholds` by word outweigh what the manifests advise. The wakes of words in `proposing` do not
        stand: they have no refractory period until `accept` begins it. `keep` is given every three rows of
        features before the models see them. Raises ModelError: a threshold for a word that is not listened
        for, or one that never decides.
        """
        words = [model.word for model in models]
        unknown = sorted(set(thresholds) - set(words))
        if unknown:
            raise ModelError(f"threshold for {unknown[0]}: not among {', '.join(words)}; take it out")
        self._thresholds = {model.word: thresholds.get(model.word, model.cutoff) for model in models}
        self._ears = [(model, model.cut(self._thresholds[model.word])) for model in models]
        self._refractory_samples = refractory_samples
        self._features = Features()
        self._proposing = frozenset(proposing)
        self._keep = keep
        self._hushed: set[str] = set()
        self._deaf_until: dict[str, int] = {}  # by word: "stop" right after a wake must be heard

    @property
    def score(self) -> dict[str, float]:
        """The latest sliding mean of every word."""
        return {model.word: model.score for model, _ in self._ears}

    @property
    def threshold(self) -> dict[str, float]:
        """What a sliding mean must exceed to be a wake, of every word."""
        return dict(self._thresholds)

    def hear(self, pcm: bytes, end: int) -> Wake | None:
        """Hear s16le mono 16 kHz that ends before sample index `end`, the continuation of what came before.

        Returns the first wake in it. A frame holds one invocation at most, so no wake is lost; a call that is
        longer may hold a second wake, which is not returned.
        """
        wake = None
        rows, keep, hushed = self._features.rows, self._keep, self._hushed
        for left in self._features.hear(pcm):
            if keep is not None:
                keep(rows)
            for model, cut in self._ears:
                if model.hear(rows) > cut:
                    if wake is None or not wake.stands:  # a stop word outweighs a proposal
                        wake = self._wake(model, end - left) or wake
                elif hushed:
                    hushed.discard(model.word)
        return wake

    def hush(self, word: str) -> None:
        """No wake of `word` until its score has fallen to the threshold: it has been heard out."""
        self._hushed.add(word)

    def accept(self, word: str, sample: int) -> None:
        """A proposal of `word` was right: its refractory period begins at `sample`."""
        self._deaf_until[word] = sample + self._refractory_samples

    def forget(self) -> None:
        """Wipe features and states, as if nothing had been heard yet. The refractory period goes on."""
        self._features.forget()
        self._hushed.clear()
        for model, _ in self._ears:
            model.reset()

    def reset(self) -> None:
        """Forget, and end the refractory period too: the next sample begins another stream."""
        self.forget()
        self._deaf_until.clear()

    def _wake(self, model: Model, sample: int) -> Wake | None:
        word = model.word
        if word in self._hushed or sample < self._deaf_until.get(word, sample):
            return None
        stands = word not in self._proposing
        if stands:
            self.accept(word, sample)
        return Wake(word, model.score, sample, model.sha256, stands)
