"""An RGB LED on three pins. Where they have no PWM it shows the nearest of seven colours, and what would
pulse blinks, but for `verifying`, which is steady. It never leaves a difference to a shade.
"""

from typing import Any

from gpiozero import RGBLED, PinPWMUnsupported

from hardware.board import RGB
from hardware.lights import colour, cue_named, in_duty, is_on
from hardware.profiles import Lights

_ON = 1 / 3  # without PWM: a part of a colour above this is on, one below is off


class Rgb:
    """Common cathode: pins `red`, `green` and `blue` drive it high."""

    lit = True
    trouble: str | None = None

    def __init__(self, factory: Any, lights: Lights) -> None:
        pins = [lights.pins[part] for part in ("red", "green", "blue")]
        self.blinks = False
        try:
            self._light = RGBLED(*pins, pin_factory=factory)
        except PinPWMUnsupported:
            self._light = RGBLED(*pins, pwm=False, pin_factory=factory)
            self.blinks = True

    def look(self, cue: str, elapsed_samples: int) -> RGB:
        """The colour of a cue, as finely as the pins can."""
        if not self.blinks:
            return colour(cue, elapsed_samples)
        (red, green, blue), period = cue_named(cue)
        if period and not is_on(cue, elapsed_samples):
            return (0.0, 0.0, 0.0)
        return (float(red > _ON), float(green > _ON), float(blue > _ON))

    def show(self, rgb: RGB) -> None:
        """Set the pins."""
        red, green, blue = rgb
        self._light.value = (red > 0, green > 0, blue > 0) if self.blinks else in_duty(rgb)

    def close(self) -> None:
        """Be dark, and give the pins back."""
        self._light.close()
