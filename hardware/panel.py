"""Button, mute switch and RGB light on GPIO pins, written once for the real pins and the twin's.

It will never debounce, hold or count clicks (the firmware does, over the sample clock), never start a thread,
and never touch gpiozero's global pin factory: the factory is an argument.

The mute switch is wired to fail safe: closed to ground is live, open is muted. A cut wire mutes.
"""

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from gpiozero import RGBLED, DigitalInputDevice, GPIOZeroError

from hardware.board import RGB, Control, Edge, LightListener
from hardware.errors import BoardError
from hardware.lights import colour, cue_named


@dataclass(frozen=True)
class Pins:
    """GPIO (Broadcom) numbers of the panel's parts."""

    button: int = 17
    mute: int = 27
    red: int = 23
    green: int = 24
    blue: int = 25


class GpioPanel:
    """The panel of `hardware.board` on the pins of one gpiozero factory. It starts dark, showing `idle`.

    Raises BoardError when a pin does not exist or is taken.
    """

    def __init__(self, factory: Any, pins: Pins, animated: bool = False) -> None:
        self.edges: deque[Edge] = deque()
        self.animated = animated
        self.listener: LightListener | None = None
        self._cue = "idle"
        self._since = 0
        self._rgb = colour("idle", 0)
        with ExitStack() as taken:
            try:
                self._button = taken.enter_context(_input(pins.button, factory))
                self._mute = taken.enter_context(_input(pins.mute, factory))
                light = RGBLED(pins.red, pins.green, pins.blue, pin_factory=factory)
            except GPIOZeroError as error:
                raise BoardError(f"panel: {error}; check the pin numbers and who else uses them") from error
            self._light = taken.enter_context(light)
            self._taken = taken.pop_all()
        self._report(self._button, "button", active_level=True)
        self._report(self._mute, "mute", active_level=False)

    def _report(self, contact: Any, control: Control, active_level: bool) -> None:
        contact.when_activated = partial(self.edges.append, Edge(control, active_level))
        contact.when_deactivated = partial(self.edges.append, Edge(control, not active_level))

    def level(self, control: Control) -> bool:
        """The contact right now: True for button held down, or switch on muted (or its wire cut)."""
        if control == "button":
            return bool(self._button.is_active)
        return not self._mute.is_active

    def show(self, cue: str, sample: int) -> None:
        """Show a cue at once; the cue that shows already is not restarted. Raises BoardError if unknown."""
        if cue == self._cue:
            return
        rgb = colour(cue, 0)
        self._cue, self._since = cue, sample
        self._set(rgb, sample)

    def tick(self, sample: int) -> None:
        """Move a pulsing cue on to `sample`, if the panel is animated."""
        if not self.animated or not cue_named(self._cue).period_samples:
            return
        rgb = colour(self._cue, sample - self._since)
        if rgb != self._rgb:
            self._set(rgb, sample)

    def _set(self, rgb: RGB, sample: int) -> None:
        self._rgb = rgb
        self._light.value = rgb
        if self.listener is not None:
            self.listener(sample, self._cue, rgb)

    def close(self) -> None:
        """Turn the light off and give the pins back; once is enough."""
        self._taken.close()


def _input(pin: int, factory: Any) -> Any:
    return DigitalInputDevice(pin, pull_up=True, bounce_time=None, pin_factory=factory)
