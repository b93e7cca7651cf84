"""The loudspeaker of the Pi: sounds go to a child that holds the card, and never wait for it.

One that is missing or hangs costs the sound and one line on stderr. It will never stop the firmware: each
sound is a new attempt. And it starts no child while the microphone must stay closed, since PortAudio begins
by opening every device (`devices`): one that runs by then goes on.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hardware.board import RATE_HZ
from hardware.errors import HardwareError
from hardware.pi import cards
from hardware.pi.child import Child
from hardware.pi.playback import MOST_BYTES
from hardware.playable import sound_of, volume_of
from hardware.profiles import Card

_GRACE_S = 5.0
"""A sound that is not over so long after its length hangs; a child has to start first, on a slow machine."""

_LATE_SAMPLES = RATE_HZ * 3 // 20
"""150 ms. Opening a card and what its ring holds took 60 to 80 ms where it was measured."""


class PiLoudspeaker:
    """The loudspeaker of `hardware.board`. `own` is the owner's card, if not the profile's. `closed` says
    whether the microphone must stay closed at the moment.
    """

    late_samples = _LATE_SAMPLES

    def __init__(
        self,
        profile: Card,
        own: str,
        *,
        closed: Callable[[], bool] = lambda: False,
        proc: Path = cards.PROC,
        grace_s: float = _GRACE_S,
    ) -> None:
        cards.check_own(own, "loudspeaker")
        self._profile, self._own, self._proc, self._grace_s = profile, own, proc, grace_s
        self._closed = closed
        self._volume = 1.0
        self._child: Child | None = None
        self._ended: list[Child] = []
        self._wire: socket.socket | None = None
        self._number = 0
        self._sounding = False
        self._over_by_s = 0.0
        self.trouble: str | None = None

    @property
    def volume(self) -> float:
        """0.0 to 1.0; anything else raises BoardError."""
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._volume = volume_of(volume)
        if self._sounding:
            self._send({"volume": volume})

    @property
    def playing(self) -> bool:
        """Whether sound is coming out, or on its way."""
        self._listen()
        return self._sounding

    @property
    def pid(self) -> int | None:
        """The child's process id, for whoever looks on."""
        return self._child.pid if self._child else None

    def warm(self) -> None:
        """Start the child now, so that the first sound need not wait for it."""
        self._ended = [child for child in self._ended if not child.gone]
        if self._child is not None:
            return
        if self._closed():
            self._give_up("its process is not started while the microphone is closed")
            return
        try:
            needles = cards.wanted(self._profile, self._own, self._proc)
            self._start(
                {"needles": needles, "rates_hz": self._profile.rates_hz, "channels": self._profile.channels}
            )
        except HardwareError as error:
            self._give_up(str(error))
        except OSError as error:
            self._give_up(f"its process does not start: {error.strerror}")

    def _start(self, ask: dict[str, object]) -> None:
        self._wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wire.setblocking(False)
        with theirs:
            self._child = Child("hardware.pi.playback", ask, stdin=theirs.fileno(), stdout=theirs.fileno())

    def play(self, pcm: bytes) -> None:
        """Play from now on, instead of whatever plays. Raises SoundError for half a sample."""
        sound = sound_of(pcm)
        self._listen()
        self.warm()
        self._number += 1
        self._over_by_s = time.monotonic() + len(pcm) / 2 / RATE_HZ + self._grace_s
        self._sounding = self._send({"volume": self._volume, "number": self._number}, sound)

    def stop(self) -> None:
        """Be silent from now on."""
        if self._sounding:
            self._sounding = False
            self._send({"stop": True})

    def close(self) -> None:
        """Be silent, and end the child; wait for that a moment."""
        self._let_go()
        for child in self._ended:
            child.kill()
        self._ended.clear()

    def _let_go(self) -> None:
        """End the child, and wait for nothing: one that a driver holds fast may take its time."""
        self._sounding = False
        child, self._child = self._child, None
        wire, self._wire = self._wire, None
        if child is not None and not child.kill(within_s=0):
            self._ended.append(child)
        if wire is not None:
            wire.close()

    def _send(self, order: dict[str, object], pcm: bytes | None = None) -> bool:
        """Send an order, with its sound if it has one. Return whether the child was there to take it."""
        if self._wire is None:
            return False
        message, files = json.dumps(order).encode(), []
        try:
            if pcm is not None:
                files.append(_in_memory(pcm))
            socket.send_fds(self._wire, [message], files)
        except OSError as error:  # full, since it hangs; or closed, since it has ended
            self._listen()
            self._give_up(f"it takes no sound: {error.strerror}")
            return False
        finally:
            for file in files:
                os.close(file)
        return True

    def _listen(self) -> None:
        """Take what the child has said since."""
        try:
            while self._wire is not None:
                said = self._wire.recv(MOST_BYTES)
                self._take(json.loads(said) if said else {"error": "its process has ended"})
        except BlockingIOError:
            pass
        except OSError as error:
            self._give_up(f"its process has ended: {error.strerror}")
        if self._sounding and time.monotonic() > self._over_by_s:
            self._give_up("it hangs")

    def _take(self, said: dict[str, object]) -> None:
        if "error" in said:
            self._give_up(str(said["error"]))
        else:
            self.trouble = None
            self._sounding = self._sounding and said["over"] != self._number

    def _give_up(self, why: str) -> None:
        """The sound is lost. Say so, if it was not said since a sound was heard last."""
        self._let_go()
        if self.trouble is None:
            sys.stderr.write(
                f"loudspeaker: {why}; nothing is heard until it works, see `[board] loudspeaker`\n"
            )
        self.trouble = why


def _in_memory(pcm: bytes) -> int:
    """A file that is only memory, with the sound in it: a pipe would not take it all at once."""
    file = os.memfd_create("sound", os.MFD_CLOEXEC)
    try:
        with os.fdopen(file, "wb", closefd=False) as out:
            out.write(pcm)
    except OSError:
        os.close(file)
        raise
    return file
