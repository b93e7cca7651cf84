"""What every board promises, and the one audio format. Nothing here opens, plays or waits for anything.

Audio is 16 kHz, mono, signed 16-bit little-endian, everywhere. Time is a sample index that starts at 0 with
the board, grows by one frame for each frame read or rested through, and never jumps back. It jumps ahead
where samples were lost: a frame's index is where its first sample really is.
"""

from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

RATE_HZ = 16_000
FRAME_SAMPLES = 320  # 20 ms
FRAME_BYTES = 2 * FRAME_SAMPLES

Control = Literal["button", "mute"]
RGB = tuple[float, float, float]  # each 0.0 to 1.0
LightListener = Callable[[int, str, RGB], None]  # sample, cue, colour


class Frame(NamedTuple):
    """20 ms of sound: the sample index of its first sample, and 640 bytes of s16le."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks a frame for
    pcm: bytes


class Edge(NamedTuple):
    """A control's contacts moved: `level` is True for button held down, or switch on muted. Not debounced."""

    control: Control
    level: bool


class Microphone(Protocol):
    """A capture stream that is really closed when it is closed. It starts closed."""

    @property
    def is_open(self) -> bool:
        """Whether the capture stream is open."""

    @property
    def frames_read(self) -> int:
        """How many frames `read` has returned since the board was opened."""

    @property
    def overruns(self) -> int:
        """How many times samples were lost since the board was opened; each is a jump of the index."""

    @property
    def digital_silence(self) -> bool:
        """Whether a stretch of zeros may be all that there is to hear: in a simulated room, never else."""

    @property
    def capture_state(self) -> str | None:
        """What holds the device says of the stream, such as `closed` or `RUNNING`; None where nobody can."""

    def open(self) -> None:
        """Begin to open the stream and return at once; nothing happens if it is open. Raises MicrophoneLost
        where it is known already that there is no device.
        """

    def ready(self) -> bool:
        """Whether the stream has begun, at once: while it has not, rest and ask again. Raises as `read` does,
        also where it should have begun by now.
        """

    def close(self) -> None:
        """Close the stream; nothing happens if it is closed. `is_open` and `capture_state` say whether it was
        done: a driver may hold on to a stream that nobody reads any more.
        """

    def read(self) -> Frame:
        """The next frame; blocks until it is complete, and for the first until the stream has begun.

        Raises MicrophoneError while closed, MicrophoneLost once the device went away or gives no frame any
        more, within 5 s (close, rest, open again), and EndOfInput where a simulated world ends.
        """


class Loudspeaker(Protocol):
    """What the speaker says and chirps. Playing never blocks."""

    volume: float  # 0.0 to 1.0; anything else raises BoardError
    late_samples: int  # so much later than `play` may a sound come out, and its end with it

    @property
    def playing(self) -> bool:
        """Whether sound is coming out."""

    def play(self, pcm: bytes) -> None:
        """Play s16le mono 16 kHz from now on, instead of whatever plays; SoundError for half a sample."""

    def stop(self) -> None:
        """Be silent from now on."""


class Panel(Protocol):
    """Button, mute switch and light. It reports contacts as they are: debouncing is the firmware's work."""

    edges: deque[Edge]  # what moved since the firmware last took it, oldest first
    animated: bool  # whether `tick` makes pulsing cues pulse
    listener: LightListener | None  # told every change of cue or colour, after the light has it
    brightness: float  # 0.0 to 1.0, anything else raises BoardError; no cue but idle is ever quite dark

    @property
    def mute_lasts(self) -> bool:
        """Whether all that can mute by hand stays where it was put when the power goes."""

    @property
    def lit(self) -> bool:
        """Whether a cue is seen, for all that is known; False too where there are no lights."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with lights or mute circuit, and what to do, in one line; None while they work."""

    def level(self, control: Control) -> bool:
        """The contact right now: True for button held down, or for muted."""

    def show(self, cue: str, sample: int) -> None:
        """Show a cue of `hardware.lights.CUES` at once. Raises BoardError for any other name."""

    def tick(self, sample: int) -> None:
        """Move a pulsing cue on to `sample`, if the panel is animated."""


class Board(Protocol):
    """A microphone, a loudspeaker and a panel that share one clock of samples."""

    @property
    def serial(self) -> str | None:
        """The serial number that it was born with, or None."""

    @property
    def microphone(self) -> Microphone:
        """Its one microphone channel."""

    @property
    def loudspeaker(self) -> Loudspeaker:
        """Its loudspeaker."""

    @property
    def panel(self) -> Panel:
        """Its button, switch and light."""

    def rest(self) -> int:
        """Let one frame period pass without reading; returns the sample index reached.

        Raises EndOfInput where a simulated world ends.
        """

    def close(self) -> None:
        """Close the microphone, be silent, turn the light off, give the pins back; once is enough."""
