"""Both ears on one stream: the first proposes, the second agrees within its window or it was nothing.

The first ear is cheap and eager, the second is asked only about what the first proposes. Time is a sample
index. Keeps features and scores, never audio; never decides what a wake is good for.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from device.wakeword.detector import Wake
from hardware.board import FRAME_SAMPLES, RATE_HZ

WINDOW_SAMPLES = RATE_HZ * 240 // 1000
"""So long after a proposal the second ear may agree with it, unless a word needs longer."""
NO_OTHER_WINDOWS: Mapping[str, int] = MappingProxyType({})
_ASKED_EVERY = RATE_HZ * 60 // 1000  # from the proposal on, and at the end of the window


class FirstEar(Protocol):
    """What hears every frame: a `Detector`, or one and what hears the sound `Beside` it."""

    @property
    def score(self) -> dict[str, float]:
        """The latest score of every word."""

    @property
    def threshold(self) -> dict[str, float]:
        """What a score must exceed, of every word."""

    def hear(self, pcm: bytes, end: int) -> Wake | None:
        """Hear the sound that ends before sample index `end`; return the first wake in it."""

    def hush(self, word: str) -> None:
        """No proposal of `word` until its score has fallen to the threshold."""

    def accept(self, word: str, sample: int) -> None:
        """A proposal of `word` was right: its refractory period begins at `sample`."""

    def forget(self) -> None:
        """Wipe what was heard; the refractory period goes on."""

    def reset(self) -> None:
        """Forget, and end the refractory period too."""


class SecondEar(Protocol):
    """What is asked about a proposal. It hears or is told by itself, and remembers only features."""

    def score(self, word: str) -> float:
        """Return how much what is remembered sounds like `word`, 0 to 1."""

    def forget(self) -> None:
        """Wipe what is remembered."""


class Opinion(NamedTuple):
    """What the second ear says of a proposal."""

    wake: Wake
    score: float
    """Its best score since the proposal."""
    sample: int
    """The sample index up to which it had heard when it was sure."""
    accepted: bool
    threshold: float
    """What the score had to reach."""


class Ears:
    """Two ears. Words without a threshold are heard by the first alone, and their wakes stand at once."""

    def __init__(
        self,
        detector: FirstEar,
        second: SecondEar,
        thresholds: Mapping[str, float],
        windows: Mapping[str, int] = NO_OTHER_WINDOWS,
        *,
        patient: bool = False,
    ) -> None:
        """`detector` must propose the words in `thresholds` and let `second` have what it needs of the sound.
        `windows`: samples after a proposal in which `second` may agree, for words that need other than usual.

        `patient`: decide at the end of the window and not before, so that an opinion has the best score there
        is, whatever the threshold; for studies.
        """
        self.thresholds = dict(thresholds)
        self._detector = detector
        self._second = second
        self._windows = dict(windows)
        self._patient = patient
        self._pending: Wake | None = None
        self._asked = 0
        self._best = 0.0

    @property
    def score(self) -> dict[str, float]:
        """The first ear's latest score of every word."""
        return self._detector.score

    @property
    def threshold(self) -> dict[str, float]:
        """What the first ear's score must exceed, of every word."""
        return self._detector.threshold

    def hear(self, pcm: bytes, end: int) -> Wake | Opinion | None:
        """Hear a frame (20 ms, s16le mono 16 kHz) that ends before sample index `end`.

        Returns a wake: one that stands, or a proposal; or the opinion on the proposal returned before.
        Between a proposal and its opinion no other word is proposed, but words that stand are heard.
        """
        wake = self._detector.hear(pcm, end)
        if self._pending is not None:
            return wake if wake is not None and wake.stands else self._ask(self._pending, end)
        if wake is not None and not wake.stands:
            self._detector.hush(wake.word)
            self._pending, self._asked, self._best = wake, 0, 0.0
        return wake

    def forget(self) -> None:
        """Wipe features, states and what is pending; the refractory period goes on."""
        self._detector.forget()
        self._second.forget()
        self._pending = None

    def reset(self) -> None:
        """Forget, and end the refractory period too: the next sample begins another stream."""
        self._detector.reset()
        self._second.forget()
        self._pending = None

    def _ask(self, wake: Wake, end: int) -> Opinion | None:
        since = end - wake.sample
        window = self._windows.get(wake.word, WINDOW_SAMPLES)
        last = since + FRAME_SAMPLES > window
        if not last and since < self._asked * _ASKED_EVERY:
            return None
        self._asked += 1
        self._best = max(self._best, self._second.score(wake.word))
        threshold = self.thresholds[wake.word]
        accepted = self._best >= threshold and since <= window
        if not last and (self._patient or not accepted):
            return None
        self._pending = None
        if accepted:
            self._detector.accept(wake.word, wake.sample)
        return Opinion(wake, self._best, end, accepted, threshold)
