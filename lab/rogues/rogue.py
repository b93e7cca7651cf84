"""What a ROGUE is, and the cage that it runs in."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from cloud_stub.cloud import Cloud
from cloud_stub.loopback import HOST
from device.speaker import Speaker
from hardware.sim import SimBoard
from lab.enclosure.cable import DEVICE_END, LAB
from lab.errors import RunError

SCENES = Path(__file__).parent / "scenes"
SCENARIOS = Path(__file__).parents[1] / "scenarios"


class Rogue(NamedTuple):
    """A small change that breaks one promise.

    does: in a few words; seen: where the world has seen the like; scene: a scenario's file. speaker, cloud:
    what makes a rogue of either. enclosed: it goes past the broker, and can be played only with a cable.
    searched: what Python runs as the firmware, real but for its sound card, whose memory is searched.
    """

    name: str
    promise: int
    does: str
    seen: str
    scene: Path
    speaker: Callable[[Speaker], None] | None = None
    cloud: Callable[[Cloud], None] | None = None
    enclosed: bool = False
    searched: tuple[str, ...] = ()

    def corrupt(self, speaker: Speaker) -> None:
        """Make a rogue of a speaker that is caged."""
        caged(speaker)
        if self.enclosed:
            alone(speaker)
        if self.speaker is not None:
            self.speaker(speaker)

    def corrupt_cloud(self, cloud: Cloud) -> None:
        """Make a rogue of a cloud that is caged."""
        host, _ = cloud._link._address
        if host != HOST:
            raise RunError(f"rogue: only the laboratory's cloud may be one, not one of a broker at {host}")
        if self.cloud is not None:
            self.cloud(cloud)


def caged(speaker: Speaker) -> None:
    """Refuse whatever is not the simulator at the laboratory's own broker.

    Raises:
        RunError: it is a real board, or its line leads elsewhere.
    """
    host = _host(speaker)
    if not isinstance(speaker.parts.board, SimBoard) or host not in (HOST, LAB):
        raise RunError(f"rogue: only the simulator at the laboratory's broker may be one, not {host}")


def alone(speaker: Speaker) -> None:
    """Refuse whatever has another network than the one cable: what goes past the broker must end at its end.

    Raises:
        RunError: the line does not lead over the cable, or there is another way out of this namespace.
    """
    ways = {name for _, name in socket.if_nameindex()} - {"lo"}
    if _host(speaker) != LAB or ways != {DEVICE_END}:
        raise RunError("rogue: what goes past the broker runs at the laboratory's cable alone")


def searched(speaker: Speaker) -> None:
    """Refuse whatever is not the firmware of a canary: a real board whose pins are no pins.

    Raises:
        RunError: its pins are real, or its line leads elsewhere.
    """
    mock, host = isinstance(Device.pin_factory, MockFactory), _host(speaker)
    if not mock or host != HOST:
        pins = "mock" if mock else "real"
        raise RunError(
            f"rogue: only a canary's firmware may be one, not one that calls {host}, with {pins} pins"
        )


def _host(speaker: Speaker) -> str:
    """Whom its line calls."""
    return speaker.parts.line._uplink._settings.host


def instead(owner: object, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
    """Put something in a method's place, made with the one that was there."""
    setattr(owner, name, make(getattr(owner, name)))


def scene(name: str) -> Path:
    """A scene of the rogues, or a scenario of the laboratory."""
    own = SCENES / f"{name}.toml"
    return own if own.exists() else SCENARIOS / f"{name}.toml"
