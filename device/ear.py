"""The microphone as the loop sees it: open, closed, or lost and looked for. Closed means that nothing is
read (promise 2).
"""

from hardware.board import RATE_HZ, Board, Frame
from hardware.errors import MicrophoneLost

_LOOK_AGAIN_SAMPLES = RATE_HZ


class Ear:
    """The board's microphone."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._open = False
        self._look_at: int | None = None

    @property
    def lost(self) -> bool:
        """Whether it should be open and is not there."""
        return self._look_at is not None

    def open(self) -> None:
        """Open the stream.

        Raises:
            MicrophoneError: there is none (exit code 4).
        """
        self._board.microphone.open()
        self._open, self._look_at = True, None

    def reopen(self, now: int) -> None:
        """Open the stream again, or look for it from `now` on if it has gone meanwhile."""
        try:
            self.open()
        except MicrophoneLost:
            self._look_at = now + _LOOK_AGAIN_SAMPLES

    def close(self) -> None:
        """Close the stream: not one more frame is read."""
        self._board.microphone.close()
        self._open, self._look_at = False, None

    def next(self, now: int) -> Frame | None:
        """Return the next frame, or None if none can be heard: closed, lost, or lost just now."""
        if not self._open:
            return None
        try:
            return self._board.microphone.read()
        except MicrophoneLost:
            self._board.microphone.close()
            self._open, self._look_at = False, now + _LOOK_AGAIN_SAMPLES
            return None

    def rest(self) -> int:
        """Let a frame period pass with the microphone closed; look for a lost one once a second."""
        now = self._board.rest()
        if self._look_at is not None and now >= self._look_at:
            self.reopen(now)
        return now
