"""The command line of the installed firmware where there are no pins: `arm64_hands.py run --config FILE`.

It is `overheard-device` itself, after gpiozero was given pins on which the mute switch is closed, which is
live, and nobody touches the button. It runs inside the root, with the installed packages alone.
"""

import sys

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from device.__main__ import main

MUTE = "GPIO27"  # as in the profile generic-usb


class Pin(MockPWMPin):
    """A pin; that of the mute switch is wired to ground, and no pull-up lifts it."""

    def drive_high(self) -> None:
        if self.info.name == MUTE:
            self.drive_low()
        else:
            super().drive_high()


if __name__ == "__main__":
    Device.pin_factory = MockFactory(revision="902120", pin_class=Pin)  # a Zero 2 W
    sys.argv[0] = "overheard-device"
    main()
