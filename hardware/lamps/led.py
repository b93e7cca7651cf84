"""One LED on one pin, whatever its colour: cues are rhythms. It never needs PWM: where its pin has none,
faint beats are dark ones.
"""

from typing import Any

from gpiozero import LED, PWMLED, PinPWMUnsupported

from hardware.board import RGB
from hardware.lights import rhythm
from hardware.profiles import Lights


class Led:
    """A single LED between pin `led` and ground."""

    blinks = True
    trouble: str | None = None

    def __init__(self, factory: Any, lights: Lights) -> None:
        pin = lights.pins["led"]
        self._faint = True
        try:
            self._light: Any = PWMLED(pin, pin_factory=factory)
        except PinPWMUnsupported:
            self._light = LED(pin, pin_factory=factory)
            self._faint = False

    def look(self, cue: str, elapsed_samples: int) -> RGB:
        """The rhythm of a cue."""
        rgb = rhythm(cue, elapsed_samples)
        return rgb if self._faint or rgb[0] == 1 else (0.0, 0.0, 0.0)

    def show(self, rgb: RGB) -> None:
        """Set the pin."""
        self._light.value = max(rgb) if self._faint else max(rgb) > 0

    def close(self) -> None:
        """Be dark, and give the pin back."""
        self._light.close()
