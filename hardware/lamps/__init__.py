"""Lamps: whatever shows a cue, one file a kind. `open_lamp` makes the one that a profile names.

A lamp never decides what is shown, keeps no time, and never holds the loop up: pins are set at once, and what
hangs on USB is told in a thread of its own. One that is gone or refuses says so in `trouble`, shows again by
itself or when it is told again, and never raises once it is open.
"""

from typing import Any, Protocol

from hardware.board import RGB
from hardware.errors import NotInstalled
from hardware.profiles import Lights


class Lamp(Protocol):
    """Something that shows a colour, as well as it can."""

    @property
    def blinks(self) -> bool:
        """Whether its cues are told apart by rhythm alone, so that it has to be looked after."""

    @property
    def lit(self) -> bool:
        """Whether it shows what it was told, for all that is known."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with it, and what to do, in one line; None while it works."""

    def look(self, cue: str, elapsed_samples: int) -> RGB:
        """What a cue looks like on it that has been shown for so long. Raises BoardError if unknown."""

    def show(self, rgb: RGB) -> None:
        """Show a colour from now on (each part 0 to 1)."""

    def close(self) -> None:
        """Be dark, and give back what it took; once is enough."""


def open_lamp(lights: Lights, factory: Any, usb: Any = None) -> Lamp:
    """The lamp that `lights` describes, dark, on the pins of a gpiozero factory.

    `usb`: a backend of pyusb, or None for libusb. Raises gpiozero's errors for pins that are taken or do not
    exist, and NotInstalled where the driver of USB is missing.
    """
    match lights.kind:
        case "led":
            from hardware.lamps.led import Led

            return Led(factory, lights)
        case "rgb":
            from hardware.lamps.rgb import Rgb

            return Rgb(factory, lights)
        case "apa102":
            from hardware.lamps.apa102 import Apa102

            return Apa102(factory, lights)
        case "none":
            from hardware.lamps.nothing import Nothing

            return Nothing()
        case _:
            return _open_ring(lights, usb)


def _open_ring(lights: Lights, usb: Any) -> Lamp:
    try:
        from hardware.lamps.ring import RESPEAKER_USB, RESPEAKER_XVF3800, Ring
    except ImportError as error:
        raise NotInstalled(f"lights {lights.kind}: {error}; install overheard[pi]") from error
    return Ring(RESPEAKER_USB if lights.kind == "respeaker-usb" else RESPEAKER_XVF3800, usb)
