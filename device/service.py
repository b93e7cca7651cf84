"""What systemd is told of the firmware: ready, alive, stopping, in one datagram each.

It is alive by frames only: heard, or rested through while muted. So it asks no clock, has no thread that
could go on while the loop hangs, and never says so while the microphone should be open and gives nothing:
when that lasts, systemd ends it and begins anew.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

from hardware.board import RATE_HZ


class Service:
    """Tells whoever listens at `address` (a path, or `@` and an abstract name; empty: nobody). A frame counts
    as life every `period_samples`; 0 means that nobody watches.
    """

    def __init__(self, address: str = "", period_samples: int = 0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._period = period_samples
        self._ready = False
        self._due = 0
        self._status = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """What systemd asked this process for: a sign of life at a quarter of the time that it waits. So a
        microphone that goes has three quarters of it at least before everything begins anew.
        """
        ours = environment.get("WATCHDOG_PID") in {None, str(os.getpid())}
        wait_us = int(environment.get("WATCHDOG_USEC", "0")) if ours else 0
        return cls(environment.get("NOTIFY_SOCKET", ""), wait_us * RATE_HZ // 4_000_000)

    def passed(self, now: int, status: str) -> None:
        """A frame went by, up to sample `now`."""
        if not self._ready:
            self._ready = self._send("READY=1", f"STATUS={status}")
            self._status, self._due = status, now + self._period
        elif status != self._status:
            self.say(status)
        if self._period and now >= self._due and self._send("WATCHDOG=1"):
            self._due = now + self._period

    def say(self, status: str) -> None:
        """Show a line to whoever asks systemd how the firmware is."""
        if status != self._status and self._send(f"STATUS={status}"):
            self._status = status

    def stop(self) -> None:
        """The firmware ends by its own will."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> bool:
        """Whether there is nobody to tell, or it was told."""
        if not self._address:
            return True
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)  # a deaf systemd is no reason to stop listening
            line.sendto("\n".join(lines).encode(), self._address)
            return True
        return False
