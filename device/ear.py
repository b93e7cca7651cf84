"""The microphone as the loop sees it: open, closed, or faulty and tried again. Closed means that nothing is
read (promise 2).

A fault is a fault, whoever finds it: the driver, whose stream is gone or gives no frame, or `mic_fault`,
which looks at a frame now and then and counts what was lost. The stream is closed, and opened again after 1,
2, 4 ... 30 s. It is well once it has sounded so for a second; the next fault begins at 1 s again only if it
was well for as long as the last pause. Nothing is looked for or tried while it is closed because somebody
muted, but whether it really is: once a second, by the word of the kernel.
"""

from device.mic_fault import REMEDIES, Losses, MicFault
from device.mic_look import look
from hardware.board import FRAME_SAMPLES, RATE_HZ, Board, Frame
from hardware.errors import Fault, MicrophoneLost

_FIRST_PAUSE, _LONGEST_PAUSE = RATE_HZ, 30 * RATE_HZ

_HEARD_BEHIND: frozenset[Fault] = frozenset({"humming", "clipped"})
"""Faults behind which there may be a voice: the stream is heard on until the next try. So it is where samples
are lost, and then nothing is tried: opening it again makes no machine faster.
"""


class Ear:
    """The board's microphone. `fault` is what is wrong with it, as far as is known: also while it is closed,
    and while it is open again and not proved well; `why` says it to people. `tries` counts how often it was
    opened again, or looked for in vain, because of the last fault. `lost`: it should be open and is not.
    `starting`: it is being opened. `hears`: frames come.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._judge = MicFault(digital_silence=board.microphone.digital_silence)
        self._losses = Losses()
        self.hears = self.starting = self.lost = False
        self._try_at: int | None = None
        self._pause = 0  # the last one
        self._well_since: int | None = None
        self._closed_until = 0  # at that sample it is looked at again
        self.fault: Fault | None = None
        self.why = ""
        self.tries = 0

    def open(self, now: int) -> None:
        """Begin to open the stream at sample `now`, or to look for it if it is not to be had.

        Raises:
            NotInstalled: what opens it is not there (exit code 3).
        """
        self.starting = True
        try:
            self._board.microphone.open()
        except MicrophoneLost as lost:
            self._fail(lost.fault, str(lost))
        else:
            self._begins(now)

    def close(self) -> None:
        """Close the stream: not one more frame is read, and nothing is tried."""
        self._board.microphone.close()
        self.hears = self.starting = self.lost = False
        self._try_at = None
        self._see_closed()

    def next(self, now: int) -> Frame | None:
        """Return the next frame, or None if none can be heard: closed, lost, or not begun yet."""
        if not self.hears and not self._begins(now):
            return None
        try:
            return self._board.microphone.read()
        except MicrophoneLost as lost:
            self._fail(lost.fault, "; ".join(REMEDIES[lost.fault]))
            return None

    def rest(self) -> int:
        """Let a frame period pass in which nothing is heard."""
        now = self._board.rest()
        if not (self.starting or self.lost) and now >= self._closed_until:
            self._closed_until = now + RATE_HZ
            self._see_closed()
        return now

    def _see_closed(self) -> None:
        """Whoever muted may rely on it: what is open all the same is a fault, until it is closed."""
        microphone = self._board.microphone
        if microphone.is_open or microphone.capture_state not in (None, "closed"):
            self._find("held")
        elif self.fault == "held":
            self.fault, self.why = None, ""

    @property
    def due(self) -> int | None:
        """The sample at which it wants to be tended next, while it hears."""
        if not self.hears:
            return None
        looks = self._judge.due + FRAME_SAMPLES
        return looks if self._try_at is None else min(looks, self._try_at)

    def look(self, frame: Frame, now: int) -> None:
        """Look at the frame that ended at sample `now`, if it is time."""
        if not self.hears or frame[0] < self._judge.due:
            return
        verdict = self._judge.judge(look(frame))
        if verdict == "well":
            self._well(now)
        elif verdict is not None and verdict not in _HEARD_BEHIND:
            self._fail(verdict, "; ".join(REMEDIES[verdict]))
        elif verdict is not None and verdict != self.fault:
            self._find(verdict)
            self._try_at = self._after_pause(now)

    def missed(self, now: int) -> None:
        """Samples were lost up to sample `now`."""
        self._losses.add(now)
        if self._losses.many(now) and self.fault is None:
            self._find("overrunning")

    def tend(self, now: int) -> bool:
        """Try again, if it is time; say whether it was. A faulty stream that is being heard is closed for
        that.
        """
        if self.lost and not self.starting and self._try_at is None:
            self._try_at = self._after_pause(now)
        if self._try_at is None or now < self._try_at:
            return False
        self._try_at = None
        self.tries += 1
        self._board.microphone.close()
        self.hears = False
        self.open(now)
        return True

    def _begins(self, now: int) -> bool:
        """Whether the stream that is being opened gives its first frame now."""
        if not self.starting:
            return False
        try:
            self.hears = self._board.microphone.ready()
        except MicrophoneLost as lost:
            self._fail(lost.fault, str(lost))
        if self.hears:
            self.starting = self.lost = False
            self._judge.forget(now)
            self._try_at = self._after_pause(now) if self.fault in _HEARD_BEHIND else None
        return self.hears

    def _well(self, now: int) -> None:
        """Nothing is wrong with what it sounds like."""
        overrunning = self._losses.many(now)
        if self.fault is None or (overrunning and self.fault == "overrunning"):
            return
        self.fault, self.why, self._try_at = None, "", None
        self._well_since = now
        if overrunning:
            self._find("overrunning")

    def _fail(self, fault: Fault, why: str) -> None:
        """Close what is open. The pause begins when the time is next told: a read may have waited long."""
        self._board.microphone.close()
        self.hears, self.starting, self.lost = False, False, True
        self._try_at = None
        self._find(fault, why)

    def _find(self, fault: Fault, why: str = "") -> None:
        if self.fault is None:
            self.tries = 0
        self.fault, self.why = fault, why or "; ".join(REMEDIES[fault])

    def _after_pause(self, now: int) -> int:
        """When to try next: twice as long after `now` as last time, or in a second if it was well for so
        long.
        """
        well = self._well_since is not None and now - self._well_since >= self._pause
        self._pause = _FIRST_PAUSE if well else min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._well_since = None
        return now + self._pause
