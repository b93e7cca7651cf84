"""A panel on simulated pins and a simulated USB, for as long as it takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware.panel import GpioPanel, open_panel
from hardware.profiles import Profile, load_profile
from tests.hardware.usb_twin import Usb


@contextmanager
def panel_of(profile: Profile | str, bus: Usb) -> Iterator[GpioPanel]:
    """The panel of a profile, or of the one of that name. It closes whatever hangs."""
    described = load_profile(profile) if isinstance(profile, str) else profile
    factory = MockFactory(revision="902120", pin_class=MockPWMPin)
    panel = open_panel(described, factory, usb=bus)
    try:
        yield panel
    finally:
        bus.let_go()
        panel.close()
        factory.close()
