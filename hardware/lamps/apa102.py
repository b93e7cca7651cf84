"""APA102 LEDs in a row, all of one colour, over SPI. It never reads: there is no way back, nor a chip select.

A message is that of the data sheet (APA102C, Shiji Lighting): a start frame of 32 zeros, for each LED 32 bits
(three ones, five of brightness, then blue, green, red), an end frame of 32 ones, clock enough for 64 of them.
"""

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gpiozero import OutputDevice, SPISoftwareFallback

from hardware.board import RGB
from hardware.errors import BoardError
from hardware.lights import colour, in_bytes
from hardware.profiles import Lights

_START, _END = bytes(4), b"\xff" * 4
_FULL = 0b111_11111  # brightness is in the colours: 31 coarse steps of it would swallow a faint pulse
NODE = Path("/dev/spidev0.0")
_SELECT = 8  # nothing hangs on it, but by clock, data and this one gpiozero knows the hardware's bus


def message(rgb: RGB, count: int) -> bytes:
    """The bytes that make `count` LEDs show `rgb`."""
    red, green, blue = in_bytes(rgb)
    return _START + bytes((_FULL, blue, green, red)) * count + _END


class Apa102:
    """A row of `count` LEDs on pins `clock` and `data`; pin `power`, if there is one, is high as long."""

    blinks = False
    look = staticmethod(colour)

    def __init__(self, factory: Any, lights: Lights) -> None:
        self.trouble: str | None = None
        self._count = lights.count
        with ExitStack() as taken:
            if lights.power is not None:
                supply = OutputDevice(lights.power, initial_value=True, pin_factory=factory)
                taken.callback(supply.close)
            self._spi = _bus(factory, lights.pins["clock"], lights.pins["data"])
            taken.callback(self._spi.close)
            taken.callback(self.show, (0.0, 0.0, 0.0))
            self._taken = taken.pop_all()
        self.show((0.0, 0.0, 0.0))

    @property
    def lit(self) -> bool:
        """Whether the last message was sent."""
        return self.trouble is None

    def show(self, rgb: RGB) -> None:
        """Send one message."""
        try:
            self._spi.transfer(list(message(rgb, self._count)))
        except Exception as error:  # noqa: BLE001 - each driver of gpiozero's has errors of its own
            self.trouble = f"lights apa102: {error}; {advice()}"
        else:
            self.trouble = None

    def close(self) -> None:
        """Be dark, and give the pins back."""
        self._taken.close()


def _bus(factory: Any, clock: int, data: int) -> Any:
    """The hardware's bus. Bits that Python sets one by one would take longer than a frame of sound lasts."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", SPISoftwareFallback)
        try:
            return factory.spi(clock_pin=clock, mosi_pin=data, miso_pin=None, select_pin=_SELECT)
        except SPISoftwareFallback as error:
            raise BoardError(f"lights apa102: {error}; {advice()}") from error


def advice(node: Path = NODE) -> str:
    """What to do about a bus that cannot be used, by whether its file is there."""
    if not node.exists():
        return "set dtparam=spi=on in /boot/firmware/config.txt, and restart the Pi"
    return f"put who runs this into the group spi, and see that nothing else uses {node}"
