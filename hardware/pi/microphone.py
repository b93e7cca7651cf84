"""The microphone of the Pi: frames from a child that holds the card. Closing kills the child, so it is the
kernel that closes the stream, whatever PortAudio thinks of it.

It will never keep a frame, and never hear another card than the first that worked, where the kernel tells
them apart. The child takes its time to find the card and open it; nobody has to wait for that (`ready`).
"""

from collections.abc import Collection
from pathlib import Path

from hardware.board import FRAME_SAMPLES, Frame
from hardware.errors import Fault, MicrophoneError, MicrophoneLost, NotInstalled
from hardware.pi import cards
from hardware.pi.child import Child
from hardware.pi.clock import SampleClock
from hardware.pi.stream import Stream
from hardware.profiles import Capture

_AGAIN = "close it, rest, open it again"


class PiMicrophone:
    """The microphone of `hardware.board`. `own` is the owner's card, if not the profile's.

    `start_s`: so long the first frame may take. `patience_s`: so long `read` waits for the next.
    """

    digital_silence = False

    def __init__(
        self,
        profile: Capture,
        own: str,
        clock: SampleClock,
        *,
        proc: Path = cards.PROC,
        start_s: float = 4.5,
        patience_s: float = 2.0,
    ) -> None:
        cards.check_own(own, "microphone")
        self.frames_read = 0
        self._profile, self._clock, self._proc = profile, clock, proc
        self._mine = own  # and the USB id of the first card that worked: no other is heard after that
        self.edges: Collection[object] = ()
        """What hands did that the firmware has not taken yet: the panel's own."""
        self._start_s, self._patience_s = start_s, patience_s
        self._stream: Stream | None = None
        self._begun = False
        self._lost: MicrophoneLost | None = None
        self._earlier_overruns = 0
        self._card: int | None = None
        self._held: list[Child] = []  # killed, and not dead
        self.stays_closed = False
        """Whether it was closed, and not because it was lost: nobody may open it for a moment."""

    @property
    def is_open(self) -> bool:
        """Whether there is a child that hears, or one that was killed and is held fast by its driver."""
        self._held = [child for child in self._held if not child.gone]
        return self._stream is not None or bool(self._held)

    @property
    def overruns(self) -> int:
        """How often samples were lost, by the card or because nobody read in time."""
        return self._earlier_overruns + (self._stream.overruns if self._stream else 0)

    @property
    def capture_state(self) -> str | None:
        """What the kernel says of the card's capture stream; None where no card is known to be ours."""
        meant = None if self.is_open else cards.meant(self._profile, self._mine, self._proc)
        return cards.capture_state(self._proc, self._card if meant is None else meant)

    @property
    def pid(self) -> int | None:
        """The child's process id, for whoever looks on."""
        return self._stream.child.pid if self._stream else None

    def open(self) -> None:
        """Start the child that finds the card and opens it, from a thread that goes on: it ends with that.

        Raises MicrophoneLost.
        """
        if self._stream is not None:
            return
        self._lost, self.stays_closed = None, False
        try:
            self._stream = Stream(self._ask(), self.edges, self._start_s)
        except MicrophoneLost as error:
            self._lost = MicrophoneLost(f"microphone: {error}; plug it in, or open it again", error.fault)
            raise self._lost from error
        except OSError as error:
            why = f"microphone: its process does not start: {error.strerror}; open it again"
            self._lost = MicrophoneLost(why, "wedged")
            raise self._lost from error

    def ready(self) -> bool:
        """Whether sound arrives. Raises MicrophoneLost if it never will, or should by now; NotInstalled."""
        return self._begun or self._begin(0.0)

    def _begin(self, within_s: float) -> bool:
        stream = self._open_stream()
        try:
            self._begun = stream.begin(within_s)
        except MicrophoneLost as error:
            self._lost = MicrophoneLost(f"microphone: {error}; plug it in, or open it again", error.fault)
            self._end()
            raise self._lost from error
        except NotInstalled:
            self._end()
            raise
        if self._begun:
            self._card = cards.number_of(stream.device)
            self._mine = cards.usb_of(self._proc, self._card) or self._mine
        return self._begun

    def _open_stream(self) -> Stream:
        if self._stream is None:
            raise self._lost or MicrophoneError("microphone: read while closed; open it first")
        return self._stream

    def _ask(self) -> dict[str, object]:
        return {
            "needles": cards.wanted(self._profile, self._mine, self._proc),
            "rates_hz": self._profile.rates_hz,
            "channels": self._profile.channels,
            "channel": self._profile.channel,
        }

    def close(self) -> None:
        """Kill the child. When this returns the kernel has closed the stream, unless `is_open` says no."""
        self.stays_closed = self._lost is None
        self._lost = None
        self._end()

    def read(self) -> Frame:
        """The next frame. A stream that lost its device is closed, and says so until it is opened again."""
        stream = self._open_stream()
        if not self._begun:
            self._begin(self._start_s)
        try:
            frame = stream.next(self._patience_s, self._clock.now)
        except MicrophoneLost as error:
            self._lost = MicrophoneLost(f"microphone: {error}; {_AGAIN}", self._fault(error.fault))
            self._clock.waited(stream.waited_s)
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
        stream, self._stream, self._begun = self._stream, None, False
        if stream is not None:
            self._earlier_overruns += stream.overruns
            if not stream.close():
                self._held.append(stream.child)
