"""What is still to leave of an utterance that is over: sealed segments, each when it is due, and the end.

It never holds plaintext or a key, and it loses nothing: what is not due yet can be made to leave at once.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from device.outbox import Sealed


class Pace(NamedTuple):
    """The first leaves at `due`, the next each `every` samples later; 0: all leave with the first."""

    due: int
    every: int


class Tail:
    """`segments` leave at `pace` through `send`. The end leaves with the last of them and is made only then:
    it says in the clear how long the ledger is, and so how much had left.
    """

    def __init__(
        self,
        segments: Sequence[Sealed],
        end: Callable[[], Sealed],
        pace: Pace,
        send: Callable[[list[Sealed], int], None],
    ) -> None:
        self._segments = deque(segments)
        self._end = end
        self._due, self._every = pace
        self._send = send
        self.over_at = self._due + self._every * (len(segments) - 1)

    @property
    def over(self) -> bool:
        """Whether everything has left."""
        return not self._segments

    def tend(self, now: int) -> None:
        """Let leave what is due by `now`."""
        due = []
        while self._segments and self._due <= now:
            due.append(self._segments.popleft())
            self._due += self._every
        self._leave(due, now)

    def flush(self, now: int) -> None:
        """Let everything leave at once, so that it is not in the way of what comes next."""
        rest = list(self._segments)
        self._segments.clear()
        self.over_at = min(self.over_at, now)
        self._leave(rest, now)

    def _leave(self, segments: list[Sealed], now: int) -> None:
        if segments:
            self._send(segments if self._segments else [*segments, self._end()], now)
