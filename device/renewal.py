"""Asks for the next certificate in time, so that a speaker does not fall silent when the one it has is over.
It never asks for anything else, and keeps no certificate that is not this device's.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from device.certificate import Certificate
from device.envelope import topics
from device.line import Line
from device.orders import Granted
from hardware.board import RATE_HZ

ASK_EVERY_SAMPLES = 6 * 3600 * RATE_HZ
"""How often it looks whether it is time, and asks again if nobody answered."""

Outcome = Literal["kept", "waiting", "refused", "not_ours"]


class Renewal:
    """When `device` asks about its `certificate`, None where the line is plain; `now` is the clock that
    certificates are judged by.
    """

    def __init__(self, device: str, certificate: Certificate | None, now: Callable[[], datetime]) -> None:
        self._device = device
        self._certificate = certificate
        self._now = now
        self._link = self._look_at = 0

    def tend(self, line: Line, sample: int) -> None:
        """Ask at `sample` if it is time to, and there is somebody to ask. Raises DiskError."""
        if self._certificate is None or not line.up:
            return
        if sample < self._look_at and self._link == line.links:
            return
        self._link = line.links
        self._look_at = sample + ASK_EVERY_SAMPLES
        if self._certificate.due(self._now()):
            request = self._certificate.request()
            line.publish("request", topics.request(self._device), request, retain=False)

    def take(self, granted: Granted) -> Outcome:
        """Take the cloud's answer. Raises DiskError."""
        if granted.state != "issued":
            return granted.state
        fits = self._certificate is not None and self._certificate.take(granted.certificate)
        return "kept" if fits else "not_ours"
