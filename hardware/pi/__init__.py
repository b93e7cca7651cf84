"""The real board: PyAudio's sound cards in children that can be killed, and the pins of a Raspberry Pi.

Here alone are PyAudio and the libraries of the pins imported, and only by who needs them: a child that hears
imports this package too, and has to be quick.
"""

from typing import Any


class PiBoard:
    """The board of `hardware.board`.

    `profile` names one of `hardware.profiles` or a file of that kind; `microphone` and `loudspeaker` name
    other cards than the profile's. `pin_factory`: gpiozero's, None for its own choice; who gives one closes
    it. `animated`: whether pulsing cues pulse. Raises BoardError for what does not exist, NotInstalled.
    """

    def __init__(
        self,
        *,
        profile: str = "generic-usb",
        microphone: str = "",
        loudspeaker: str = "",
        pin_factory: Any = None,
        animated: bool = True,
    ) -> None:
        from importlib.util import find_spec

        from hardware.errors import NotInstalled
        from hardware.panel import open_panel
        from hardware.pi.clock import SampleClock
        from hardware.pi.loudspeaker import PiLoudspeaker
        from hardware.pi.microphone import PiMicrophone
        from hardware.pi.pins import pin_factory as gpiozeros
        from hardware.profiles import load_profile
        from hardware.serial import board_serial

        array = load_profile(profile)
        if find_spec("pyaudio") is None:
            raise NotInstalled("PyAudio: not installed; run scripts/setup_audio")
        self.serial = board_serial()
        self._clock = SampleClock()
        self.panel = open_panel(array, pin_factory or gpiozeros(), animated)
        self.microphone = PiMicrophone(array.microphone, microphone, self._clock)
        self.microphone.edges = self.panel.edges
        self.loudspeaker = PiLoudspeaker(
            array.loudspeaker, loudspeaker, closed=lambda: self.microphone.stays_closed
        )
        self.loudspeaker.warm()

    def rest(self) -> int:
        """Let one frame period pass without reading; returns the sample index reached."""
        return self._clock.rest()

    def close(self) -> None:
        """Close the microphone, be silent, turn the light off, give the pins back; once is enough."""
        self.microphone.close()
        self.loudspeaker.close()
        self.panel.close()
