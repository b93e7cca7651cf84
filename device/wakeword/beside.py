"""The first ear and what hears the same sound beside it, as one.

Only where something does: the ears that ship stand on the first ear's features and pay nothing for this.
Keeps nothing itself.
"""

from typing import Protocol

from device.wakeword.always_on import AlwaysOn
from device.wakeword.detector import Detector, Wake


class HearsSound(Protocol):
    """A second ear that needs the sound itself."""

    def hear(self, pcm: bytes) -> None:
        """Hear s16le mono 16 kHz, the continuation of what came before."""


class Beside:
    """Hears as a Detector does, for the words of both formats."""

    def __init__(
        self, first: Detector, second: HearsSound | None = None, always_on: AlwaysOn | None = None
    ) -> None:
        """`second` is given every frame before it can be asked; `always_on` wakes by itself."""
        self.accept, self.hush = first.accept, first.hush
        self._first, self._second, self._always_on = first, second, always_on

    @property
    def score(self) -> dict[str, float]:
        """The latest score of every word."""
        return self._first.score | (self._always_on.score if self._always_on else {})

    @property
    def threshold(self) -> dict[str, float]:
        """What a score must exceed, of every word."""
        return self._first.threshold | (self._always_on.threshold if self._always_on else {})

    def hear(self, pcm: bytes, end: int) -> Wake | None:
        """Hear a frame (s16le mono 16 kHz) that ends before sample index `end`; return the wake in it.

        Of two, one that stands: what is proposed is proposed again 30 ms later.
        """
        wake = self._first.hear(pcm, end)
        if self._second is not None:
            self._second.hear(pcm)
        if self._always_on is None:
            return wake
        other = self._always_on.hear(pcm, end)
        return other if other is not None and (wake is None or not wake.stands) else wake

    def forget(self) -> None:
        """Wipe what both have heard, but for what the second ear wipes itself."""
        self._first.forget()
        if self._always_on is not None:
            self._always_on.forget()

    def reset(self) -> None:
        """Forget, and end the refractory periods too."""
        self._first.reset()
        if self._always_on is not None:
            self._always_on.reset()
