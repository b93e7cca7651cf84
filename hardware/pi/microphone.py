"""The microphone of the Pi: frames from a child that holds the card. Closing kills the child, so it is the
kernel that closes the stream, whatever PortAudio thinks of it.

It will never keep a frame beyond the one that says, when it is opened, that sound arrives.
"""

import os
import select
import time
from pathlib import Path

from hardware.board import FRAME_SAMPLES, Frame
from hardware.errors import Fault, MicrophoneError, MicrophoneLost, NotInstalled
from hardware.pi import cards
from hardware.pi.child import Child
from hardware.pi.clock import SampleClock
from hardware.pi.frames import MESSAGE_BYTES, Heard, Note, unpack
from hardware.profiles import Capture

_AGAIN = "close it, rest, open it again"


class PiMicrophone:
    """The microphone of `hardware.board`. `own` is the owner's card, if not the profile's.

    `start_s`: so long `open` waits for the first frame. `patience_s`: so long `read` waits for the next.
    """

    digital_silence = False

    def __init__(
        self,
        profile: Capture,
        own: str,
        clock: SampleClock,
        *,
        proc: Path = cards.PROC,
        start_s: float = 6.0,
        patience_s: float = 2.0,
    ) -> None:
        cards.check_own(own, "microphone")
        self.frames_read = 0
        self._profile, self._own, self._clock, self._proc = profile, own, clock, proc
        self._start_s, self._patience_s = start_s, patience_s
        self._stream: _Stream | None = None
        self._lost: MicrophoneLost | None = None
        self._earlier_overruns = 0
        self._card: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a child that hears."""
        return self._stream is not None

    @property
    def overruns(self) -> int:
        """How often samples were lost, by the card or because nobody read in time."""
        return self._earlier_overruns + (self._stream.overruns if self._stream else 0)

    @property
    def capture_state(self) -> str | None:
        """What the kernel says of the card's capture stream; None where no card is known to be ours."""
        meant = None if self.is_open else cards.meant(self._profile, self._own, self._proc)
        return cards.capture_state(self._proc, self._card if meant is None else meant)

    @property
    def pid(self) -> int | None:
        """The child's process id, for whoever looks on."""
        return self._stream.child.pid if self._stream else None

    def open(self) -> None:
        """Find the card, open it, wait for its first frame. Raises MicrophoneLost; NotInstalled."""
        if self._stream is not None:
            return
        self._lost = None
        try:
            self._stream = _Stream(self._ask(), self._clock.now)
            self._card = cards.number_of(self._stream.begin(self._start_s))
        except MicrophoneLost as error:
            self._end()
            raise MicrophoneLost(f"microphone: {error}; plug it in, or open it again", error.fault) from error
        except NotInstalled:
            self._end()
            raise
        except OSError as error:
            raise MicrophoneLost(
                f"microphone: its process does not start: {error.strerror}; open it again", "wedged"
            ) from error

    def _ask(self) -> dict[str, object]:
        return {
            "needles": cards.wanted(self._profile, self._own, self._proc),
            "rates_hz": self._profile.rates_hz,
            "channels": self._profile.channels,
            "channel": self._profile.channel,
        }

    def close(self) -> None:
        """Kill the child. When this returns the kernel has closed the stream."""
        self._lost = None
        self._end()

    def read(self) -> Frame:
        """The next frame. A stream that lost its device is closed, and says so until it is opened again."""
        if self._stream is None:
            raise self._lost or MicrophoneError("microphone: read while closed; open it first")
        try:
            frame = self._stream.next(self._patience_s)
        except MicrophoneLost as error:
            self._lost = MicrophoneLost(f"microphone: {error}; {_AGAIN}", self._fault(error.fault))
            self._end()
            raise self._lost from error
        self.frames_read += 1
        self._clock.now = frame.index + FRAME_SAMPLES
        return frame

    def _fault(self, seen: Fault) -> Fault:
        """The kernel knows best whether the card is there."""
        there = cards.there(self._proc, self._card) if self._card is not None else None
        if there is None:
            return seen
        return "wedged" if there else "unplugged"

    def _end(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._earlier_overruns += stream.overruns
            stream.close()


class _Stream:
    """A child and the pipe from it."""

    def __init__(self, ask: dict[str, object], first: int) -> None:
        self.overruns = 0
        self._first = first
        self._early: Frame | None = None
        self._pipe, theirs = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)
        try:
            self.child = Child("hardware.pi.capture", ask, stdin=theirs, stdout=theirs)
        finally:
            os.close(theirs)

    def begin(self, within_s: float) -> str:
        """Wait until the first frame is there; return the name of the device."""
        until = time.monotonic() + within_s
        opened = self._message(within_s)
        self.child.noise()  # of finding and opening; what is printed later tells of a fault
        self._early = self.next(max(0.0, until - time.monotonic()))
        return opened.device if isinstance(opened, Note) else ""

    def next(self, within_s: float) -> Frame:
        """The next frame. Raises MicrophoneLost if there is none in time."""
        early, self._early = self._early, None
        if early is not None:
            return early
        heard = self._message(within_s)
        if isinstance(heard, Note):
            raise MicrophoneLost("a device's name came again", "wedged")
        self.overruns = heard.overruns
        return Frame(self._first + heard.offset, heard.pcm)

    def _message(self, within_s: float) -> Heard | Note:
        if not self._poll.poll(within_s * 1000):
            noise = self.child.noise()  # a driver that complains has lost its device; one that hangs is quiet
            what = f"no sound for {within_s:g} s"
            raise MicrophoneLost(f"{what} ({noise})" if noise else what, "unplugged" if noise else "wedged")
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

    def close(self) -> None:
        self.child.kill()
        os.close(self._pipe)
