"""The board's time: a sample index, and the pace at which it goes on while nothing is read."""

import time

from hardware.board import FRAME_SAMPLES, RATE_HZ

_FRAME_NS = FRAME_SAMPLES * 1_000_000_000 // RATE_HZ
_CATCH_UP_NS = 5 * _FRAME_NS
"""So late it may be and still catch up; a finger on a button must not seem to be held for what was slept."""


class SampleClock:
    """`now` is the index of the sample that comes next. Who waits long for a frame that does not come says so
    with `waited`: the time that really passed has passed here.
    """

    def __init__(self) -> None:
        self.now = 0
        self._due_ns = 0

    def rest(self) -> int:
        """Let one frame period pass. A late one is made up for by those after it: the pace does not drift."""
        before = time.monotonic_ns()
        if not before - _CATCH_UP_NS <= self._due_ns <= before + _FRAME_NS:
            self._due_ns = before
        self._due_ns += _FRAME_NS
        if self._due_ns > before:
            time.sleep((self._due_ns - before) / 1e9)
        self.now += FRAME_SAMPLES
        return self.now

    def waited(self, seconds: float) -> None:
        """So long nothing came, in whole frames."""
        self.now += int(seconds * RATE_HZ) // FRAME_SAMPLES * FRAME_SAMPLES
