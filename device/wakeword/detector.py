"""The wake word detector: frames in, a wake out.

Several words share one front end. Time is a sample index, so what is found does not depend on how the audio
is cut into calls. Never keeps audio, and never decides what a wake is good for.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from device.errors import ModelError
from device.wakeword.features import Features
from device.wakeword.model import Model

NO_OVERRIDES: Mapping[str, float] = MappingProxyType({})


class Wake(NamedTuple):
    """A wake word was heard."""

    word: str
    score: float
    """The sliding mean of the model's probabilities that crossed the threshold."""
    sample: int
    """The sample index up to which the detector had heard when it was sure."""
    model_sha256: str


class Detector:
    """Hears one stream of audio for any number of words."""

    def __init__(
        self,
        models: Sequence[Model],
        refractory_samples: int = 32_000,
        thresholds: Mapping[str, float] = NO_OVERRIDES,
    ) -> None:
        """Listen for `models`; for `refractory_samples` after a wake there is no other of the same word.

        `thresholds` by word outweigh what the manifests advise. Raises ModelError: a threshold for a word
        that is not listened for, or one that never decides.
        """
        words = [model.word for model in models]
        unknown = sorted(set(thresholds) - set(words))
        if unknown:
            raise ModelError(f"threshold for {unknown[0]}: not among {', '.join(words)}; take it out")
        self._thresholds = {model.word: thresholds.get(model.word, model.cutoff) for model in models}
        self._ears = [(model, model.cut(self._thresholds[model.word])) for model in models]
        self._refractory_samples = refractory_samples
        self._features = Features()
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
        rows = self._features.rows
        for left in self._features.hear(pcm):
            for model, cut in self._ears:
                if model.hear(rows) > cut and wake is None:
                    wake = self._wake(model, end - left)
        return wake

    def forget(self) -> None:
        """Wipe features and states, as if nothing had been heard yet. The refractory period goes on."""
        self._features.forget()
        for model, _ in self._ears:
            model.reset()

    def reset(self) -> None:
        """Forget, and end the refractory period too: the next sample begins another stream."""
        self.forget()
        self._deaf_until.clear()

    def _wake(self, model: Model, sample: int) -> Wake | None:
        if sample < self._deaf_until.get(model.word, sample):
            return None
        self._deaf_until[model.word] = sample + self._refractory_samples
        return Wake(model.word, model.score, sample, model.sha256)
