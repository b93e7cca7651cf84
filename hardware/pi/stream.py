"""The way from the child that hears: messages through a pipe, of which the firmware gets the frames.

It will never keep a frame beyond the first, which says that sound arrives, and never give one that waited
long: what the firmware was too busy to take is lost, as in an overrun of the card.
"""

import os
import select
import time
from collections.abc import Collection

from hardware.board import Frame
from hardware.errors import MicrophoneLost, NotInstalled
from hardware.pi.child import Child
from hardware.pi.frames import MESSAGE_BYTES, Heard, Note, unpack

_STALE_S = 0.24
"""No frame is heard that waited longer. It is what the pipe holds, so that a memory card that is slow to sync
costs no sound; what is older is left from a stall.
"""
_STALE_TO_HANDS_S = 0.02
"""Nor longer than that while a hand's movement waits to be stamped with the index of the sound that is heard:
a press is no older than it is, and a capture does not begin before it.
"""


class Stream:
    """A child and the pipe from it. `start_s`: so long its first frame may take."""

    def __init__(self, ask: dict[str, object], edges: Collection[object], start_s: float) -> None:
        self.overruns = 0
        self.waited_s = 0.0
        """So long was waited in vain."""
        self.device = ""
        self._start_s, self._until = start_s, time.monotonic() + start_s
        self._edges = edges
        self._first: int | None = None
        self._told = 0  # how many overruns the child has told of
        self._early: Heard | None = None
        self._pipe, theirs = os.pipe()
        try:
            self.child = Child("hardware.pi.capture", ask, stdin=theirs, stdout=theirs)
        except OSError:
            os.close(self._pipe)
            raise
        finally:
            os.close(theirs)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)

    def begin(self, within_s: float) -> bool:
        """Whether the first frame is there, or comes within that time; MicrophoneLost if it is late."""
        while self._early is None:
            left_s = max(0.0, self._until - time.monotonic())
            if not self._poll.poll(min(left_s, within_s) * 1000):
                if left_s > within_s:
                    return False
                raise self._silence(self._start_s)
            said = self._said()
            if isinstance(said, Heard):
                self._early = said
            else:
                self.device = said.device
                self.child.noise()  # of finding and opening; what is printed later tells of a fault
        return True

    def next(self, within_s: float, now: int) -> Frame:
        """The next frame; the first has the index `now`. Raises MicrophoneLost if there is none in time."""
        heard, self._early = self._early or self._heard(within_s), None
        dropped = newest = False
        while self._stale(heard) and not newest:
            dropped, newest = True, not self._poll.poll(0)  # what is waited for is as new as it can be
            heard = self._heard(within_s)
        if self._first is None:
            self._first = now
        if dropped or heard.overruns != self._told:
            self.overruns += 1
        self._told = heard.overruns
        return Frame(self._first + heard.offset, heard.pcm)

    def _stale(self, heard: Heard) -> bool:
        waited_s = time.monotonic() - heard.sent_s
        return waited_s > (_STALE_TO_HANDS_S if self._edges else _STALE_S)

    def _heard(self, within_s: float) -> Heard:
        if not self._poll.poll(within_s * 1000):
            self.waited_s = within_s
            raise self._silence(within_s)
        said = self._said()
        if isinstance(said, Note):
            raise MicrophoneLost("a device's name came again", "wedged")
        return said

    def _silence(self, waited_s: float) -> MicrophoneLost:
        """A driver that complains has lost its device; one that hangs is quiet."""
        noise = self.child.noise()
        what = f"no sound for {waited_s:g} s"
        return MicrophoneLost(f"{what} ({noise})" if noise else what, "unplugged" if noise else "wedged")

    def _said(self) -> Heard | Note:
        """The message that is there. Raises MicrophoneLost, NotInstalled if it says that it cannot hear."""
        message = os.read(self._pipe, MESSAGE_BYTES)
        if len(message) < MESSAGE_BYTES:
            raise MicrophoneLost(
                f"its process has ended ({self.child.noise() or 'without a word'})", "wedged"
            )
        said = unpack(message)
        if isinstance(said, Note) and said.error:
            if not said.fault:
                raise NotInstalled(said.error)
            raise MicrophoneLost(said.error, "unplugged" if said.fault == "unplugged" else "wedged")
        return said

    def close(self) -> bool:
        """End the child; return whether it is gone."""
        gone = self.child.kill()
        os.close(self._pipe)
        return gone
