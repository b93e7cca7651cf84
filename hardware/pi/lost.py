"""How much was lost when a sound card overran: it says that, not how much; the clock does. Pure."""

from collections import deque

_PIECES = 50
"""A second of them: long against the jitter of one, short against the drift of a card's clock."""


class Timeline:
    """Where the pieces of a stream lie in time. `taken` is how many samples there were before the next piece,
    lost ones among them.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._starts: deque[float] = deque(maxlen=_PIECES)
        self.taken = 0

    def place(self, samples: int, began_s: float, *, overrun: bool) -> int:
        """Return the place of a piece of `samples` in the stream; its first was heard at `began_s`.

        Only with `overrun` is there a gap before it, of a millisecond at least. A piece can be noticed late,
        never early, so the earliest start that any of the last pieces speaks for is the true one.
        """
        if overrun and self._starts:
            now = round((began_s - min(self._starts)) * self._rate_hz)
            self.taken = max(now, self.taken + self._rate_hz // 1000)
        self._starts.append(began_s - self.taken / self._rate_hz)
        place, self.taken = self.taken, self.taken + samples
        return place
