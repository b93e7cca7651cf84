"""The ring of a USB array, all LEDs of one colour. It never shows a pattern of its own making.

A ring is told the newest colour alone, in a thread, and again every second: one that was reset, or pulled and
plugged in again, shows within a second or two what it should.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from hardware.board import RGB
from hardware.lamps.usb import Visitor, Wire
from hardware.lights import colour, in_bytes

_AGAIN_S = 1.0

Request = tuple[int, int, bytes]
"""wValue, wIndex and data of a vendor request to the device."""


class Dialect(NamedTuple):
    """How one kind of ring is spoken to."""

    usb_id: str
    greeting: tuple[Request, ...]
    """What a ring that was just found is told first: our brightness is in the colours, so its own is full."""
    say: Callable[[int, int, int], Request]
    """Red, green and blue, 0 to 255, as a request."""


RESPEAKER_USB = Dialect(
    usb_id="2886:0018",
    greeting=((0x20, 0x1C, b"\x1f"),),  # its brightness, 0 to 31
    say=lambda red, green, blue: (1, 0x1C, bytes([red, green, blue, 0])),  # mono mode
)
"""The USB 4-Mic Array: a command is wValue (github.com/respeaker/pixel_ring, wiki, LED Control Protocol)."""

RESPEAKER_XVF3800 = Dialect(
    usb_id="2886:001a",
    greeting=(
        (14, 20, b"\0"),  # LED_GAMMIFY off: gamma would turn a faint light off
        (13, 20, b"\xff"),  # LED_BRIGHTNESS
        (12, 20, b"\3"),  # LED_EFFECT: single colour, which all its firmware knows; ring mode came with 2.0.7
    ),
    say=lambda red, green, blue: (16, 20, bytes([blue, green, red, 0])),  # LED_COLOR: 0xRRGGBB, little-endian
)
"""The XVF3800: wIndex is a resource, wValue a command of it (github.com/respeaker/
reSpeaker_XVF3800_USB_4MIC_ARRAY, python_control/xvf_host.py). Nothing is saved in its flash."""


class Ring:
    """A ring on USB; one that is not there yet is waited for. `backend` is pyusb's, None for libusb."""

    blinks = False
    look = staticmethod(colour)

    def __init__(self, dialect: Dialect, backend: Any = None) -> None:
        self._dialect = dialect
        self._rgb: RGB = (0.0, 0.0, 0.0)
        self._visitor = Visitor(dialect.usb_id, self._visit, _AGAIN_S, backend)
        self._visitor.start()

    @property
    def lit(self) -> bool:
        """Whether it was told what it should be, when it was told last."""
        return self._visitor.wait(0) and self._visitor.trouble is None

    @property
    def trouble(self) -> str | None:
        """What is wrong with it."""
        why = self._visitor.trouble
        return why and f"ring {why}"

    def show(self, rgb: RGB) -> None:
        """Leave it for the thread to say."""
        self._rgb = rgb
        self._visitor.nudge()

    def close(self) -> None:
        """Be dark."""
        self._rgb = (0.0, 0.0, 0.0)
        self._visitor.close()

    def _visit(self, wire: Wire, fresh: bool) -> None:
        if fresh:
            for request in self._dialect.greeting:
                wire.tell(*request)
        wire.tell(*self._dialect.say(*in_bytes(self._rgb)))
