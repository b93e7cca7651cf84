"""What a ROGUE is, and the cage that it runs in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cloud_stub.cloud import Cloud
from cloud_stub.loopback import HOST
from device.speaker import Speaker
from hardware.sim import SimBoard
from lab.enclosure.cable import LAB
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
        if self.speaker is not None:
            self.speaker(speaker)


def caged(speaker: Speaker) -> None:
    """Refuse whatever is not the simulator at the laboratory's own broker.

    Raises:
        RunError: it is a real board, or its line leads elsewhere.
    """
    host = speaker.parts.line._uplink._settings.host
    if not isinstance(speaker.parts.board, SimBoard) or host not in (HOST, LAB):
        raise RunError(f"rogue: only the simulator at the laboratory's broker may be one, not {host}")


def instead(owner: object, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
    """Put something in a method's place, made with the one that was there."""
    setattr(owner, name, make(getattr(owner, name)))


def scene(name: str) -> Path:
    """A scene of the rogues, or a scenario of the laboratory."""
    own = SCENES / f"{name}.toml"
    return own if own.exists() else SCENARIOS / f"{name}.toml"
