"""What a finger meant: edges of a contact become taps, holds and switch positions, over the sample clock.

Time is a sample index, so a bouncing contact is tested without waiting. gpiozero's own `bounce_time` is not
used: its simulated pins ignore it, and a debounce that tests cannot see is not tested.
"""

from enum import Enum


class Debounce:
    """A contact whose level counts once it has stood still for `still_samples`."""

    def __init__(self, level: bool, still_samples: int) -> None:
        self.level = level
        self._still = still_samples
        self.seen = level
        self._since = 0

    @property
    def pending(self) -> bool:
        """Whether an edge was seen that has not settled yet."""
        return self.seen != self.level

    def edge(self, level: bool, sample: int) -> None:
        """Take note that the contact went to `level` at `sample`."""
        self.seen = level
        self._since = sample

    def settle(self, sample: int) -> bool:
        """Return True once for each change of level that has stood still by `sample`."""
        if self.seen == self.level or sample - self._since < self._still:
            return False
        self.level = self.seen
        return True


class Gesture(Enum):
    """What the button was used for."""

    TAP = "tap"
    HOLD = "hold"
    RELEASE = "release"


class Button:
    """A button: released early it was a tap, held for `hold_samples` it is a hold, and then released."""

    def __init__(self, level: bool, still_samples: int, hold_samples: int) -> None:
        self._contact = Debounce(level, still_samples)
        self._hold_samples = hold_samples
        self._down_since: int | None = None
        self._held = False

    @property
    def pending(self) -> bool:
        """Whether the button needs to be asked at the next frame."""
        return self._contact.pending or (self._down_since is not None and not self._held)

    def edge(self, level: bool, sample: int) -> None:
        """Take note that the contact closed (True) or opened at `sample`."""
        self._contact.edge(level, sample)

    def settle(self, sample: int) -> Gesture | None:
        """Return the gesture that is complete at `sample`, if one is."""
        if self._contact.settle(sample):
            if self._contact.level:
                self._down_since, self._held = sample, False
                return None
            was_down, self._down_since = self._down_since is not None, None
            if not was_down:
                return None
            return Gesture.RELEASE if self._held else Gesture.TAP
        if (
            self._down_since is not None
            and not self._held
            and not self._contact.pending  # a finger that may have left already does not hold
            and sample - self._down_since >= self._hold_samples
        ):
            self._held = True
            return Gesture.HOLD
        return None
