"""PortAudio's devices, in a child. Here alone is PyAudio imported.

When it is started PortAudio opens every device that is free, microphones too, to ask what it can do; not a
frame is read of them, and they are closed before it is done. Two children that do so at the same time would
find each other's devices in use, so one at a time looks or opens.
"""

import ctypes
import fcntl
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from hardware.errors import MicrophoneLost, NotInstalled
from hardware.pi.inside import begin, take_over

FRAME_HZ = 50
_RING_S = 0.1
"""So much a microphone's card keeps for a child that comes late. PyAudio asks for the least, and then 30 ms
are too late. Frames then come in twos, for half the work. A loudspeaker's ring begins as silence, so that one
stays short.
"""

_TURN_S, _LOOK_S = 2.0, 0.01
"""So long a child waits for its turn, twice: one that hangs in PortAudio must not keep the others from
hearing, and a microphone has 6 s to begin.
"""

Callback = Callable[[bytes | None, int, dict[str, float], int], tuple[bytes | None, int]]


class Device(NamedTuple):
    """A device as PortAudio numbers it; `channels` of the direction that was asked for."""

    number: int
    name: str
    channels: int


class Opened(NamedTuple):
    """A stream that is to be started, and what it will run with."""

    stream: Any
    device: str
    rate_hz: int
    channels: int


@contextmanager
def alone() -> Iterator[None]:
    """No other child of this installation looks for devices, or opens one, meanwhile.

    The lock is on this file, which all of them have; the kernel takes it back however a child ends.
    """
    with open(__file__, "rb") as door:
        until = time.monotonic() + _TURN_S
        while not _locked(door.fileno()) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        yield


def _locked(door: int) -> bool:
    try:
        fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Sound:
    """PortAudio, started once in a process. Raises NotInstalled where PyAudio or PortAudio is missing."""

    def __init__(self, *, capture: bool) -> None:
        try:
            import pyaudio
        except ImportError as error:
            raise NotInstalled(
                f"PyAudio: {error}; install it: sudo apt install portaudio19-dev, then scripts/setup_audio"
            ) from error
        self.library = pyaudio
        self._capture = capture
        with alone():
            self._audio = pyaudio.PyAudio()

    def devices(self) -> Iterator[Device]:
        """All that capture, or all that play."""
        key = "maxInputChannels" if self._capture else "maxOutputChannels"
        for index in range(self._audio.get_device_count()):
            says = self._audio.get_device_info_by_index(index)
            if says[key]:
                yield Device(index, str(says["name"]), int(says[key]))

    def find(self, needles: list[str]) -> Device:
        """The first device whose name has the first needle that any name has. Raises MicrophoneLost."""
        devices = list(self.devices())
        for needle in needles:
            for device in devices:
                if needle.casefold() in device.name.casefold():
                    return device
        there = ", ".join(device.name for device in devices) or "none"
        raise MicrophoneLost(f"no sound card called {' or '.join(needles)} (there: {there})")

    def open(self, ask: dict[str, Any], callback: Callable[[int, int], Callback]) -> Opened:
        """Open the device that is asked for with the first rate and channels that it takes; it stands still.

        `callback` makes the callback for a rate and channels. Raises MicrophoneLost, with PortAudio's reason,
        if it takes none.
        """
        device = self.find(ask["needles"])
        if self._capture:
            _lengthen_ring(device.number)
        reason: Exception | None = None
        forms = [(rate_hz, channels) for rate_hz in ask["rates_hz"] for channels in ask["channels"]]
        with alone():
            for form in forms:
                try:
                    return Opened(self._open(device.number, *form, callback(*form)), device.name, *form)
                except (OSError, ValueError) as error:
                    reason = error
        raise MicrophoneLost(f"{device.name}: {reason}; another program may have it", "wedged")

    def _open(self, index: int, rate_hz: int, channels: int, callback: Callback) -> Any:
        way = "input" if self._capture else "output"
        return self._audio.open(
            rate_hz,
            channels,
            self.library.paInt16,
            frames_per_buffer=rate_hz // FRAME_HZ,
            stream_callback=callback,
            start=False,
            **{way: True, f"{way}_device_index": index},
        )


def settle() -> None:
    """Keep what Python knows of this thread, which is PortAudio's: it would make it anew at each callback."""
    ctypes.pythonapi.PyGILState_Ensure()


class _DeviceInfo(ctypes.Structure):
    """The head of PortAudio's PaDeviceInfo: PyAudio asks for its low latency and lets nobody ask for more."""

    _fields_ = (
        ("version", ctypes.c_int), ("name", ctypes.c_char_p), ("host_api", ctypes.c_int),
        ("inputs", ctypes.c_int), ("outputs", ctypes.c_int), ("low_input_s", ctypes.c_double),
    )  # fmt: skip


def _lengthen_ring(index: int) -> None:
    try:
        info = ctypes.CDLL("libportaudio.so.2").Pa_GetDeviceInfo
    except (OSError, AttributeError):
        return
    info.restype = ctypes.POINTER(_DeviceInfo)
    says = info(index)
    if says:
        says.contents.low_input_s = max(says.contents.low_input_s, _RING_S)


def main() -> None:
    """Print the devices that capture, or those that play, as JSON: `listing` asks for them."""
    answer = take_over(sys.stdout.fileno())
    ask = begin(sys.argv[1:])
    with open(answer, "w", encoding="utf-8") as out:
        try:
            json.dump([device._asdict() for device in Sound(capture=ask["capture"]).devices()], out)
        except NotInstalled as error:
            json.dump(str(error), out)


if __name__ == "__main__":
    main()
