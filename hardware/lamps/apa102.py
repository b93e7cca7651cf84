"""APA102 LEDs in a row, all of one colour, over SPI. It never reads: there is no way back, nor a chip select.

A message is that of the data sheet (APA102C, Shiji Lighting): a start frame of 32 zeros, for each LED 32 bits
(three ones, five of brightness, then blue, green, red), an end frame of 32 ones, clock enough for 64 of them.
"""

import warnings
from contextlib import ExitStack
from typing import Any

from gpiozero import OutputDevice, SPISoftwareFallback

from hardware.board import RGB
from hardware.errors import BoardError
from hardware.lights import colour, in_bytes
from hardware.profiles import Lights

_START, _END = bytes(4), b"\xff" * 4
_FULL = 0b111_11111  # brightness is in the colours: 31 coarse steps of it would swallow a faint pulse
_SELECT = 8  # nothing hangs on it, but by clock, data and this one gpiozero knows the hardware's bus


def message(rgb: RGB, count: int) -> bytes:
    """The bytes that make `count` LEDs show `rgb`."""
    red, green, blue = in_bytes(rgb)
    return _START + bytes((_FULL, blue, green, red)) * count + _END


class Apa102:
    """A row of `count` LEDs on pins `clock` and `data`; pin `power`, if there is one, is high as long."""

    blinks = False
    trouble: str | None = None
    look = staticmethod(colour)

    def __init__(self, factory: Any, lights: Lights) -> None:
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

    def show(self, rgb: RGB) -> None:
        """Send one message."""
        self._spi.transfer(list(message(rgb, self._count)))

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
            raise BoardError(
                f"lights apa102: {error}; "
                "set dtparam=spi=on in /boot/firmware/config.txt, and run: apt install python3-spidev"
            ) from error
