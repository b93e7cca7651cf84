"""One LED on one pin, whatever its colour: cues are rhythms. It never needs PWM: where its pin has none,
faint beats are dark ones, but for `verifying`, which is steady.
"""

from typing import Any

from gpiozero import LED, PWMLED, PinPWMUnsupported

from hardware.board import RGB
from hardware.lights import in_duty, is_on, rhythm
from hardware.profiles import Lights


class Led:
    """A single LED between pin `led` and ground."""

    blinks = True
    lit = True
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
        if self._faint:
            return rhythm(cue, elapsed_samples)
        return (1.0, 1.0, 1.0) if is_on(cue, elapsed_samples) else (0.0, 0.0, 0.0)

    def show(self, rgb: RGB) -> None:
        """Set the pin."""
        self._light.value = max(in_duty(rgb)) if self._faint else max(rgb) > 0

    def close(self) -> None:
        """Be dark, and give the pin back."""
        self._light.close()
