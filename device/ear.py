"""The microphone as the loop sees it: open, closed, or faulty and tried again. Closed means that nothing is
read (promise 2).

A fault is a fault, whoever finds it: the driver, whose stream is gone or gives no frame, or `mic_fault`,
which looks at a frame now and then. The stream is closed, and opened again after 1, 2, 4 ... 30 s. It is well
once it has sounded so for a second; only then the next fault begins at 1 s again. Nothing is looked for or
tried while it is closed because somebody muted.
"""

from device.mic_fault import REMEDIES, MicFault
from device.mic_look import look
from hardware.board import RATE_HZ, Board, Frame
from hardware.errors import Fault, MicrophoneLost

_FIRST_PAUSE, _LONGEST_PAUSE = RATE_HZ, 30 * RATE_HZ

_HEARD_BEHIND: frozenset[Fault] = frozenset({"humming", "clipped"})
"""Faults behind which there may be a voice: once opened again, the stream is heard until the next try."""


class Ear:
    """The board's microphone. `fault` is what is wrong with it, as far as is known: also while it is closed,
    and while it is open again and not proved well; `why` says it to people. `tries` counts how often it was
    opened again, or looked for in vain, because of the last fault. `lost`: it should be open and is not.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._judge = MicFault(digital_silence=board.microphone.digital_silence)
        self._open = self.lost = False
        self._try_at: int | None = None
        self._pause = _FIRST_PAUSE
        self.fault: Fault | None = None
        self.why = ""
        self.tries = 0

    def open(self, now: int) -> None:
        """Open the stream at sample `now`, or look for it from then on if it is not to be had.

        Raises:
            MicrophoneError: it is there, and cannot be opened (exit code 4).
        """
        try:
            self._board.microphone.open()
        except MicrophoneLost as lost:
            self._fail(lost.fault, str(lost))
            return
        self._open, self.lost = True, False
        self._judge.forget(now)
        self._try_at = now + self._pause if self.fault in _HEARD_BEHIND else None

    def close(self) -> None:
        """Close the stream: not one more frame is read, and nothing is tried."""
        self._board.microphone.close()
        self._open = self.lost = False
        self._try_at = None

    def next(self, now: int) -> Frame | None:
        """Return the next frame, or None if none can be heard: closed, lost, or found faulty just now."""
        if not self._open:
            return None
        try:
            frame = self._board.microphone.read()
        except MicrophoneLost as lost:
            self._fail(lost.fault, "; ".join(REMEDIES[lost.fault]))
            return None
        if now >= self._judge.due:
            self._look_at(frame)
        return frame if self._open else None

    def rest(self) -> int:
        """Let a frame period pass with the microphone closed."""
        now = self._board.rest()
        self.tend(now)
        return now

    def tend(self, now: int) -> bool:
        """Try again, if it is time; say whether it was. A faulty stream that is being heard is closed for
        that.
        """
        if self.lost and self._try_at is None:
            self._try_at = now + self._pause
            self._pause = _longer(self._pause)
        if self._try_at is None or now < self._try_at:
            return False
        self.tries += 1
        if self._open:
            self._board.microphone.close()
            self._open = False
            self._pause = _longer(self._pause)
        self.open(now)
        return True

    def _look_at(self, frame: Frame) -> None:
        verdict = self._judge.judge(look(frame))
        if verdict == "well":
            self.fault, self.why, self._try_at, self._pause = None, "", None, _FIRST_PAUSE
        elif verdict is not None and (verdict != self.fault or verdict not in _HEARD_BEHIND):
            self._fail(verdict, "; ".join(REMEDIES[verdict]))

    def _fail(self, fault: Fault, why: str) -> None:
        """Close what is open. The pause begins when the time is next told: a read may have waited long."""
        self._board.microphone.close()
        self._open, self.lost = False, True
        self._try_at = None
        if self.fault is None:
            self.tries = 0
        self.fault, self.why = fault, why


def _longer(pause: int) -> int:
    return min(2 * pause, _LONGEST_PAUSE)
