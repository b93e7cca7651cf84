"""Tells Home Assistant, over the same broker, that there is a speaker and how it is, if its owner wants that.

It announces and reports; it will never listen. A command must be signed by the cloud, and Home Assistant has
no key, so there is no switch, no button and no topic by which a home could mute, unmute or start anything.
"""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import rfc8785

from device import discovery
from device.config import HomeAssistantSection
from device.envelope import topics
from device.errors import StorageError
from device.keys import write_private
from device.line import Line
from device.session import Phase
from device.status import NOT_TOLD, KnownFault, Microphone, State, to_bytes
from hardware.board import RATE_HZ

MARKER = "home_assistant"
"""The file that remembers under which topics the speaker is announced, until that is taken back."""

_REST_SAMPLES = RATE_HZ // 4
"""At most four states a second; what holds in the end is always told."""


class Now(NamedTuple):
    """How the speaker is at this moment."""

    phase: Phase
    microphone: Microphone
    fault: KnownFault
    waiting: int


class HomeAssistant:
    """Announces `me` (device, boot) whenever the line comes up, and its state when that changes.

    With discovery off it takes back what an earlier run announced, until the broker has confirmed that.
    `tell_phase`: whether the state says more of the phase than muted or not.
    """

    def __init__(
        self, settings: HomeAssistantSection, me: tuple[str, str], directory: Path, *, tell_phase: bool
    ) -> None:
        self._device, self._boot = me
        topic = discovery.topic(settings.prefix, self._device)
        self._wanted = frozenset({topic} if settings.discovery else ())
        self._marker = directory / MARKER
        self._announced = _read(self._marker, self._device)
        self._tell_phase = tell_phase
        self._link = 0
        self._said = b""
        self._next = 0
        self._gone_when: int | None = None

    def tend(self, line: Line, now: int, how: Now) -> None:
        """Say at sample `now` what has to be said, if there is somebody to say it to. What the disk refuses
        is said when the line comes up again.
        """
        if not line.up:
            return
        if self._link != line.links:
            self._link = line.links
            self._greet(line)
        if self._gone_when is not None and line.confirmed >= self._gone_when:
            self._gone_when = None
            self._remember(self._wanted)
        if self._wanted and self._wanted <= self._announced and now >= self._next:
            self._report(line, now, how)

    def _greet(self, line: Line) -> None:
        """Take back what is not wanted any more, and announce what is."""
        old = self._announced - self._wanted
        for topic in sorted(old):
            line.publish("discovery", topic, b"", retain=True)
        if old and not self._wanted:
            line.publish("state", topics.state(self._device), b"", retain=True)
        self._gone_when = line.spoken if old and line.up else None
        if not self._remember(self._announced | self._wanted):
            return
        for topic in self._wanted:
            announcement = discovery.announcement(self._device, own_version())
            line.publish("discovery", topic, rfc8785.dumps(announcement), retain=True)
        self._said, self._next = b"", 0

    def _report(self, line: Line, now: int, how: Now) -> None:
        muted = how.phase is Phase.MUTED
        state = to_bytes(
            State(
                v=1,
                device=self._device,
                boot=self._boot,
                phase=how.phase.value if muted or self._tell_phase else NOT_TOLD,
                muted=muted,
                microphone=how.microphone,
                fault=how.fault,
                waiting=how.waiting,
            )
        )
        if state != self._said:
            line.publish("state", topics.state(self._device), state, retain=True)
            self._said, self._next = state, now + _REST_SAMPLES

    def _remember(self, announced: frozenset[str]) -> bool:
        """Write it down before it is so; say whether the disk took it."""
        if announced == self._announced:
            return True
        try:
            if announced:
                write_private(self._marker, "\n".join(sorted(announced)).encode())
            else:
                self._marker.unlink(missing_ok=True)
        except OSError:
            return False
        self._announced = announced
        return True


def own_version() -> str:
    """Return the version of this firmware, or 0 where it runs from a clone that is not installed."""
    try:
        return version("overheard")
    except PackageNotFoundError:
        return "0"


def _read(marker: Path, device: str) -> frozenset[str]:
    """Return the topics remembered; nothing that is not an announcement of this device counts."""
    try:
        lines = marker.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise StorageError(f"{marker}: {error.strerror}; the firmware must own this file") from error
    ours = re.compile(rf"[a-z0-9_-]{{1,64}}/device/{device}/config")
    return frozenset(line for line in lines if ours.fullmatch(line))
