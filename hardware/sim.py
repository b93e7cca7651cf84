"""The twin: a board without hardware that obeys the real one's rules, and has the world's verbs besides.

The firmware sees a microphone, a loudspeaker and a panel. A test or a scenario also presses the button, pulls
the plug and says things into the room, all at sample indices of one clock. What the microphone heard is never
kept; what was shown and what was played is.
"""

from collections.abc import Callable
from typing import Literal

from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware import ailments
from hardware.air import Noise, Room
from hardware.board import RGB, Control
from hardware.errors import BoardError, Fault
from hardware.panel import open_panel
from hardware.profiles import load_profile
from hardware.sim_audio import SimLoudspeaker, SimMicrophone
from hardware.world import Pace, Speed, Tape, World

TAP_SAMPLES = 1_600  # 100 ms: a finger in no hurry


class SimBoard:
    """The board of `hardware.board`, simulated. It starts unmuted, with nobody touching it.

    `echo_db`: how much quieter the microphone hears the loudspeaker; None for not at all.
    `pace`: fast, realtime, or how many times real time. `noise_floor`: rms of the room's noise in 16-bit
    steps, made from `seed`. `length_samples`: where the world ends (the frame it falls in is still heard
    whole). `animated`: whether pulsing cues pulse. Raises BoardError for a setting out of range.
    """

    def __init__(
        self,
        *,
        echo_db: float | None = -30.0,
        pace: Speed = "fast",
        noise_floor: float = 0,
        seed: int = 0,
        length_samples: int | None = None,
        animated: bool = False,
    ) -> None:
        if not 0 <= noise_floor <= 32767:
            raise BoardError(f"noise_floor {noise_floor}: out of range; give 0 to 32767 16-bit steps rms")
        self._world = World(Pace(pace), length_samples)
        self._factory = MockFactory(revision="902120", pin_class=MockPWMPin)  # this board's own, a Zero 2 W
        self.serial: str | None = None
        self.room = Room()
        self.microphone = SimMicrophone(self._world, digital_silence=not noise_floor)
        self.loudspeaker = SimLoudspeaker(echo_db)
        profile = load_profile("generic-usb")
        self.panel = open_panel(profile, self._factory, animated)
        self.shown: list[tuple[int, str, RGB]] = []
        self.panel.listener = lambda sample, cue, rgb: self.shown.append((sample, cue, rgb))
        pins = profile.panel
        self._contacts = {"button": self._factory.pin(pins.button), "mute": self._factory.pin(pins.mute)}
        self._world.sources = [self.room.render, self.loudspeaker.render]
        if noise_floor:
            self._world.sources.append(Noise(noise_floor, seed).render)
        self.mute_off()
        self.panel.edges.clear()

    @property
    def now(self) -> int:
        """The sample index the world has reached."""
        return self._world.now

    @property
    def played(self) -> list[tuple[int, bytes]]:
        """What the loudspeaker really emitted: first sample and s16le, cut where it was stopped."""
        return self.loudspeaker.played

    @property
    def gate(self) -> Callable[[int], None] | None:
        """Called with the index of every frame before it begins: the world stands still until it returns."""
        return self._world.gate

    @gate.setter
    def gate(self, gate: Callable[[int], None] | None) -> None:
        self._world.gate = gate

    @property
    def tape(self) -> Tape | None:
        """Given every frame as the room sounded, heard or not; the laboratory's, never the firmware's."""
        return self._world.tape

    @tape.setter
    def tape(self, tape: Tape | None) -> None:
        self._world.tape = tape

    def rest(self) -> int:
        """Let one frame period pass without reading; returns the sample index reached."""
        self._world.step()
        return self._world.now

    def close(self) -> None:
        """Close the microphone, be silent, turn the light off, give the pins back; once is enough."""
        self.microphone.close()
        self.loudspeaker.stop()
        self.room.close()
        self.panel.close()
        self._factory.close()

    # The world's verbs: what hands, plugs and time do to a board.

    def at(self, sample: int, call: Callable[[], None]) -> None:
        """Call when the world reaches `sample`, muted or not; at once if it already has."""
        self._world.at(sample, call)

    def press(self) -> None:
        """Press the button and hold it."""
        self._contacts["button"].drive_low()

    def release(self) -> None:
        """Let go of the button."""
        self._contacts["button"].drive_high()

    def tap(self, samples: int = TAP_SAMPLES) -> None:
        """Press the button now and let go after `samples`."""
        self.press()
        self.at(self.now + samples, self.release)

    def mute_on(self) -> None:
        """Slide the mute switch to muted (its contact opens)."""
        self._contacts["mute"].drive_high()

    def mute_off(self) -> None:
        """Slide the mute switch to live (its contact closes)."""
        self._contacts["mute"].drive_low()

    def bounce(self, control: Control, times: int) -> None:
        """Let a contact chatter: `times` away from where it is and back, all within one sample."""
        contact = self._contacts[control]
        there, back = contact.drive_low, contact.drive_high
        if not contact.state:
            there, back = back, there
        for _ in range(times):
            there()
            back()

    def unplug(self) -> None:
        """Pull the microphone's plug."""
        self.microphone.unplug()

    def plug(self) -> None:
        """Put it back."""
        self.microphone.plug()

    def wedge(self) -> None:
        """Let the microphone give no frame any more: a read takes two seconds and fails."""
        self.microphone.wedge()

    def silent(self) -> None:
        """Let it give nothing but zeros, from the next frame on."""
        self.microphone.ail(ailments.silent)

    def constant(self) -> None:
        """Let it give one value, for ever."""
        self.microphone.ail(ailments.constant)

    def hum(self) -> None:
        """Let it hum with the mains; the room is still heard behind that."""
        self.microphone.ail(ailments.humming)

    def clip(self) -> None:
        """Let it be at full scale most of the time."""
        self.microphone.ail(ailments.clipped)

    def overrun(self, samples: int) -> None:
        """Let it lose so many samples before the next frame, if it is open; any number will do."""
        self.microphone.overrun(samples)

    def lag(self) -> None:
        """Let the machine be too slow: the microphone loses a few samples twice a second."""
        self.microphone.lag()

    def hold(self) -> None:
        """Let the kernel keep the microphone's stream open when it is closed: its driver hangs."""
        self.microphone.hold()

    def heal(self) -> None:
        """Make it well, and plug it in."""
        self.microphone.heal()

    def befall(self, fault: Fault | Literal["well"]) -> None:
        """Let a fault of this name begin, or all of them end."""
        befallen: dict[str, Callable[[], None]] = {
            "unplugged": self.unplug,
            "wedged": self.wedge,
            "silent": self.silent,
            "constant": self.constant,
            "humming": self.hum,
            "clipped": self.clip,
            "overrunning": self.lag,
            "held": self.hold,
            "well": self.heal,
        }
        befallen[fault]()
