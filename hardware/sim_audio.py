"""The twin's microphone and loudspeaker, both on the world's one clock.

The microphone will never keep what it heard; the loudspeaker remembers what it really emitted.
"""

import math

import numpy as np

from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame
from hardware.errors import MicrophoneError, MicrophoneLost
from hardware.playable import sound_of, volume_of
from hardware.sound import Samples
from hardware.world import Ailment, World

WEDGED_SAMPLES = 2 * RATE_HZ
"""How long a read waits for a frame that does not come."""

START_SAMPLES = 9 * RATE_HZ // 2
"""How long a stream may take to begin."""

_LAG_EVERY, _LAG_SAMPLES = RATE_HZ // 2, 80


class SimMicrophone:
    """The microphone of `hardware.board`, in the world's room. `late_samples`: so long a stream takes to
    begin.
    """

    def __init__(self, world: World, *, digital_silence: bool = True) -> None:
        self.is_open = False
        self.frames_read = 0
        self.overruns = 0
        self.missed: list[tuple[int, int]] = []  # of each overrun, the first sample and how many
        self.digital_silence = digital_silence
        self._world = world
        self._plugged = True
        self._wedged = False
        self._held = False
        self.late_samples = 0
        self._begun = False
        self._begins = self._must_begin = 0  # when the stream that is open does, and when it must have
        self._to_lose = 0
        self._lags_at = math.inf  # when the machine is too slow next
        self._lost_at = math.inf  # the sample at which the open stream lost its device

    @property
    def capture_state(self) -> str | None:
        """As the kernel would say it of a sound card."""
        return "RUNNING" if self.is_open or self._held else "closed"

    def open(self) -> None:
        """Open the stream. Raises MicrophoneLost while unplugged."""
        if self.is_open:
            return
        if not self._plugged:
            raise MicrophoneLost("microphone: not plugged in; plug it in and open it again")
        self.is_open = True
        self._begins = self._world.now + self.late_samples
        self._must_begin = self._world.now + START_SAMPLES

    def ready(self) -> bool:
        """Whether the stream has begun. Raises MicrophoneLost once it was unplugged, or took too long."""
        if not self.is_open:
            raise MicrophoneError("microphone: read while closed; open it first")
        now = self._world.now
        if self._lost_at <= now:
            raise self._gone()
        self._begun = self._begun or (now >= self._begins and not self._wedged)
        if now >= self._must_begin and not self._begun:
            raise MicrophoneLost("microphone: does not begin; close it, rest, open it again", "wedged")
        return self._begun

    def _gone(self) -> MicrophoneLost:
        return MicrophoneLost(f"microphone: gone since sample {self._lost_at}; close it, rest, open it again")

    def close(self) -> None:
        """Close the stream."""
        self.is_open = self._begun = False
        self._lost_at = math.inf
        self._to_lose = 0

    def read(self) -> Frame:
        """The next frame. A stream that lost its device stays lost until closed; time passes all the same."""
        if not self.is_open:
            raise MicrophoneError("microphone: read while closed; open it first")
        if self._wedged:
            self._pass(WEDGED_SAMPLES)
            raise MicrophoneLost("microphone: gives no frame; close it, rest, open it again", "wedged")
        if not self._begun:
            self._pass(self._begins - self._world.now)
            self._begun = True
        self._lag()
        if self._to_lose:
            self.missed.append((self._world.now, self._to_lose))
            self._pass(self._to_lose)
            self._to_lose = 0
            self.overruns += 1
        index = self._world.now
        heard = self._world.step()
        if self._lost_at < index + FRAME_SAMPLES:
            raise self._gone()
        self.frames_read += 1
        return Frame(index, heard.astype("<i2", copy=False).tobytes())

    def _lag(self) -> None:
        if self._world.now >= self._lags_at:
            self._lags_at = self._world.now + _LAG_EVERY
            self._to_lose += _LAG_SAMPLES

    def _pass(self, samples: int) -> None:
        """Let so much of the world pass unheard."""
        for first in range(0, samples, FRAME_SAMPLES):
            self._world.step(min(FRAME_SAMPLES, samples - first))

    def unplug(self) -> None:
        """Pull the plug, now."""
        self._plugged = False
        if self.is_open:
            self._lost_at = min(self._lost_at, self._world.now)

    def plug(self) -> None:
        """Put the plug back: the next `open` works again."""
        self._plugged = True

    def wedge(self) -> None:
        """Give no frame from the next on: a read waits two seconds of the world's time and gives up."""
        self._wedged = True

    def overrun(self, samples: int) -> None:
        """Lose so many samples before the next frame, if the stream is open."""
        if self.is_open:
            self._to_lose += samples

    def lag(self) -> None:
        """Lose a few samples twice a second from now on: the machine is too slow."""
        self._lags_at = self._world.now

    def hold(self) -> None:
        """Let the kernel have it open, whoever closes it."""
        self._held = True

    def ail(self, ailment: Ailment) -> None:
        """Make this of everything that sounds from the next frame on."""
        self._world.ailment = ailment

    def heal(self) -> None:
        """Be well again, and plugged in. A stream that lost its device has to be opened anew."""
        self._wedged = self._held = False
        self._lags_at = math.inf
        self._world.ailment = None
        self.plug()


class SimLoudspeaker:
    """The loudspeaker of `hardware.board`; the room hears it `echo_db` quieter, or not at all for None."""

    def __init__(self, echo_db: float | None) -> None:
        self._echo = np.float32(0.0 if echo_db is None else 10 ** (echo_db / 20))
        self._volume = 1.0
        self.late_samples = 0
        self._left: Samples = np.zeros(0, np.float32)
        self._sounding = False
        self._emitted: list[tuple[int, bytearray]] = []

    @property
    def volume(self) -> float:
        """0.0 to 1.0; anything else raises BoardError."""
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._volume = volume_of(volume)

    @property
    def playing(self) -> bool:
        """Whether sound is coming out."""
        return len(self._left) > 0

    @property
    def played(self) -> list[tuple[int, bytes]]:
        """What really came out: its first sample, and its s16le at the volume of the moment."""
        return [(first, bytes(pcm)) for first, pcm in self._emitted]

    def play(self, pcm: bytes) -> None:
        """Play from now on, instead of whatever plays. Raises SoundError for half a sample."""
        sound = np.frombuffer(sound_of(pcm), "<i2").astype(np.float32)
        self.stop()
        self._left = np.concatenate([np.zeros(self.late_samples, np.float32), sound])

    def stop(self) -> None:
        """Be silent from now on."""
        self._left = self._left[:0]
        self._sounding = False

    def render(self, first: int, count: int) -> Samples | None:
        """Emit `count` samples from `first`; returns what the room hears of them."""
        if not len(self._left):
            return None
        emitted = np.rint(self._left[:count] * np.float32(self._volume))
        self._left = self._left[count:]
        if not self._sounding:
            self._emitted.append((first, bytearray()))
        self._emitted[-1][1].extend(emitted.astype("<i2").tobytes())
        self._sounding = len(self._left) > 0
        if not self._echo:
            return None
        echo = np.zeros(count, np.float32)
        echo[: len(emitted)] = emitted * self._echo
        return echo
