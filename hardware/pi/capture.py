"""The child that hears: one channel of one card, as frames of 320 samples into a pipe, until it is killed.

It keeps no sound: what the pipe does not take is lost, and counted. It uses callbacks because with reads that
block PyAudio either hides an overrun or closes the stream at it.
"""

import fcntl
import os
import struct
import sys
import termios
import time
from typing import Any

from hardware.board import RATE_HZ
from hardware.errors import MicrophoneLost, NotInstalled
from hardware.pi.devices import Callback, Sound, settle
from hardware.pi.frames import MESSAGE_BYTES, Cutter, Note, pack_frame, pack_note
from hardware.pi.inside import begin, take_over
from hardware.pi.lost import Timeline

_WAITING_FRAMES = 12
"""So many frames may wait in the pipe while the firmware is busy, 240 ms; usually none does."""
_INPUT_OVERFLOW = 2
_LOOK_S = 0.5


class Pipe:
    """The way to the firmware. A frame that it does not take is lost; the gap shows in the offsets."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._losing = False
        self.overruns = 0
        os.set_blocking(descriptor, False)

    def note(self, note: Note) -> None:
        """Send a note, if there is room."""
        self._send(pack_note(note))

    def frame(self, offset: int, pcm: bytes) -> None:
        """Send a frame, or lose it. Frames that are lost one after the other are one overrun."""
        message = pack_frame(offset, self.overruns, time.monotonic(), pcm)
        sent = self._waiting() < _WAITING_FRAMES and self._send(message)
        if not sent and not self._losing:
            self.overruns += 1
        self._losing = not sent

    def _waiting(self) -> int:
        answer = fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0\0\0\0")
        waiting: int = struct.unpack("i", answer)[0]
        return waiting // MESSAGE_BYTES

    def _send(self, message: bytes) -> bool:
        try:
            return os.write(self._descriptor, message) == len(message)
        except BlockingIOError:
            return False
        except BrokenPipeError:
            os._exit(0)  # nobody hears us any more


class Ear:
    """What one callback does: choose the channel, bring it to 16 kHz, cut it into frames, send them."""

    def __init__(self, pipe: Pipe, rate_hz: int, channels: int, channel: int) -> None:
        self._pipe = pipe
        self._rate_hz = rate_hz
        self._channels = channels
        self._channel = min(channel, channels - 1)
        self._timeline = Timeline(rate_hz)
        self._cutter = Cutter()
        self._losing = False
        self._settled = False
        self._resampled = _resampler(rate_hz)

    def hear(
        self, sound: bytes | None, samples: int, times: dict[str, float], status: int
    ) -> tuple[None, int]:
        """PortAudio's callback."""
        if not self._settled:
            settle()
            self._settled = True
        overrun = bool(status & _INPUT_OVERFLOW)
        place = self._timeline.place(samples, _began(samples / self._rate_hz, times), overrun=overrun)
        if overrun:
            self._lose(place + samples)
            return None, 0
        self._losing = False
        pcm = memoryview(sound or b"").cast("h")[self._channel :: self._channels].tobytes()
        for offset, frame in self._cutter.cut(self._resampled(pcm)):
            self._pipe.frame(offset, frame)
        return None, 0

    def _lose(self, until: int) -> None:
        """All up to `until` is lost. So is the piece that tells of an overrun: PortAudio may have begun it
        before the gap. It may tell of one overrun with more than one piece.
        """
        if not self._losing:
            self._pipe.overruns += 1
        self._losing = True
        self._resampled = _resampler(self._rate_hz)
        self._cutter.jump(round(until * RATE_HZ / self._rate_hz))


def _began(length_s: float, times: dict[str, float]) -> float:
    """When the first sample was heard, on a clock that nobody sets; PortAudio's may be the wall's."""
    waited_s = times["current_time"] - times["input_buffer_adc_time"]
    return time.monotonic() - (waited_s if 0 < waited_s < 10 else length_s)


def _resampler(rate_hz: int) -> Any:
    """What brings s16le of `rate_hz` to 16 kHz; NumPy and soxr are imported only where they have to do."""
    if rate_hz == RATE_HZ:
        return lambda pcm: pcm
    import numpy as np
    import soxr

    stream = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="int16", quality="HQ")
    return lambda pcm: stream.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes()


def main() -> None:
    """Hear until killed."""
    pipe = Pipe(take_over(sys.stdout.fileno()))
    ask = begin(sys.argv[1:])

    def callback(rate_hz: int, channels: int) -> Callback:
        return Ear(pipe, rate_hz, channels, ask["channel"]).hear

    try:
        opened = Sound(capture=True).open(ask, callback)
        pipe.note(Note(opened.device, opened.rate_hz, opened.channels))
        opened.stream.start_stream()
        while opened.stream.is_active():
            time.sleep(_LOOK_S)
        pipe.note(Note(error=f"{opened.device}: the stream has ended", fault="unplugged"))
    except MicrophoneLost as error:
        pipe.note(Note(error=str(error), fault=error.fault))
    except (NotInstalled, OSError) as error:
        pipe.note(Note(error=str(error), fault="" if isinstance(error, NotInstalled) else "wedged"))
    os._exit(1)  # PortAudio may hang in what Python does at an end


if __name__ == "__main__":
    main()
