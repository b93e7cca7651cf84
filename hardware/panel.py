"""Button, mute switch and lights, written once for the real pins and the twin's.

It will never debounce, hold or count clicks (the firmware does, over the sample clock), and never touch
gpiozero's global pin factory: the factory is an argument.

The mute switch is wired to fail safe: closed to ground is live, open is muted. A cut wire mutes. Where the
array has a mute circuit of its own, either of them mutes.
"""

from collections import deque
from contextlib import ExitStack
from functools import partial
from typing import Any, Protocol

from gpiozero import DigitalInputDevice, GPIOZeroError

from hardware.board import RGB, Control, Edge, LightListener
from hardware.errors import BoardError, NotInstalled
from hardware.lamps import Lamp, open_lamp
from hardware.lights import dimmed
from hardware.profiles import PanelPins, Profile


class Circuit(Protocol):
    """A mute circuit of the array's own."""

    @property
    def muted(self) -> bool:
        """Whether it counts as muted."""

    @property
    def trouble(self) -> str | None:
        """Why it cannot be read, in one line."""

    def close(self) -> None:
        """Read it no more."""


def open_panel(profile: Profile, factory: Any, animated: bool = False, usb: Any = None) -> "GpioPanel":
    """The panel that `profile` describes: its contacts and its lamp on the pins of a gpiozero factory.

    `usb`: a backend of pyusb for what hangs on USB, or None for libusb. Something on USB that is not there is
    waited for, and is no error. Raises BoardError when a pin does not exist or is taken, and NotInstalled.
    """
    try:
        lamp = open_lamp(profile.lights, factory, usb)
    except GPIOZeroError as error:
        raise _refused(error) from error
    try:
        panel = GpioPanel(factory, profile.panel, lamp, animated or lamp.blinks)
    except BaseException:
        lamp.close()
        raise
    with ExitStack() as undo:
        undo.callback(panel.close)
        if profile.panel.mute_circuit == "respeaker-xvf3800":
            panel.read_circuit(usb)
        undo.pop_all()
    return panel


class GpioPanel:
    """The panel of `hardware.board` on the pins of one gpiozero factory. It starts dark, showing `idle`.

    It closes the `lamp` that it is given. Raises BoardError when a pin does not exist or is taken.
    """

    def __init__(self, factory: Any, pins: PanelPins, lamp: Lamp, animated: bool = False) -> None:
        self.edges: deque[Edge] = deque()
        self.animated = animated
        self.listener: LightListener | None = None
        self._lamp = lamp
        self._brightness = 1.0
        self._cue, self._since, self._now = "idle", 0, 0
        self._rgb: RGB = (0.0, 0.0, 0.0)
        self._circuit: Circuit | None = None
        self._switch: Any = None
        with ExitStack() as taken:
            try:
                self._button = taken.enter_context(_contact(pins.button, factory))
                if pins.mute is not None:
                    self._switch = taken.enter_context(_contact(pins.mute, factory))
            except GPIOZeroError as error:
                raise _refused(error) from error
            taken.callback(lamp.close)
            self._taken = taken.pop_all()
        self._button.when_activated = partial(self.edges.append, Edge("button", True))
        self._button.when_deactivated = partial(self.edges.append, Edge("button", False))
        if self._switch is not None:
            self._switch.when_activated = self._switch_closed
            self._switch.when_deactivated = partial(self.edges.append, Edge("mute", True))

    def read_circuit(self, usb: Any = None) -> None:
        """Let the array's own mute circuit mute, too. Waits a second at most for its first answer."""
        try:
            from hardware.circuit import MuteCircuit
        except ImportError as error:
            raise NotInstalled(f"mute circuit: {error}; install overheard[pi]") from error
        self._circuit = MuteCircuit(self._circuit_changed, usb)
        self._taken.callback(self._circuit.close)
        self.edges.clear()  # where it stood from the beginning is a level, and no edge

    def _switch_closed(self) -> None:
        self.edges.append(Edge("mute", self._circuit is not None and self._circuit.muted))

    def _circuit_changed(self) -> None:
        self.edges.append(Edge("mute", self.level("mute")))

    @property
    def mute_lasts(self) -> bool:
        """Whether all that can mute by hand stays where it is put when the power goes."""
        return self._circuit is None

    @property
    def lit(self) -> bool:
        """Whether a cue is seen, for all that is known; False too where there are no lights."""
        return self._lamp.lit

    @property
    def trouble(self) -> str | None:
        """What is wrong with the lights or the mute circuit, and what to do, in one line; or None."""
        return self._lamp.trouble or (self._circuit.trouble if self._circuit is not None else None)

    @property
    def brightness(self) -> float:
        """How bright the lights are, 0 to 1; a cue that means something is never quite dark."""
        return self._brightness

    @brightness.setter
    def brightness(self, brightness: float) -> None:
        if not 0 <= brightness <= 1:
            raise BoardError(f"brightness {brightness}: out of range; give 0 to 1")
        self._brightness = brightness
        self.tick(self._now)

    def level(self, control: Control) -> bool:
        """The contact right now: True for button held down, or muted: by the switch (or its cut wire), or by
        the array's circuit.
        """
        if control == "button":
            return bool(self._button.is_active)
        by_switch = self._switch is not None and not self._switch.is_active
        return by_switch or (self._circuit is not None and self._circuit.muted)

    def show(self, cue: str, sample: int) -> None:
        """Show a cue at once; the cue that shows already is not restarted. Raises BoardError if unknown."""
        if cue == self._cue:
            return
        rgb = self._look(cue, 0)
        self._cue, self._since = cue, sample
        self._set(rgb, sample)

    def tick(self, sample: int) -> None:
        """Move a cue that pulses or blinks on to `sample`, if the panel is animated."""
        self._now = sample
        elapsed = sample - self._since if self.animated else 0
        rgb = self._look(self._cue, elapsed)
        if rgb != self._rgb:
            self._set(rgb, sample)
        elif self._lamp.trouble is not None:
            self._lamp.show(rgb)  # it may work again

    def _look(self, cue: str, elapsed_samples: int) -> RGB:
        return dimmed(self._lamp.look(cue, elapsed_samples), self._brightness)

    def _set(self, rgb: RGB, sample: int) -> None:
        self._rgb, self._now = rgb, sample
        self._lamp.show(rgb)
        if self.listener is not None:
            self.listener(sample, self._cue, rgb)

    def close(self) -> None:
        """Turn the light off and give the pins back; once is enough."""
        self._taken.close()


def _contact(pin: int, factory: Any) -> Any:
    return DigitalInputDevice(pin, pull_up=True, bounce_time=None, pin_factory=factory)


def _refused(error: GPIOZeroError) -> BoardError:
    return BoardError(f"panel: {error}; check the pin numbers and who else uses them")
