"""Lamps on pins: what reaches the pins, and that cues are told apart by what the lamp can do."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from pathlib import Path

import msgspec
import pytest
from gpiozero import SPI, Device
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin, MockSPIDevice

from hardware.board import RATE_HZ
from hardware.errors import BoardError
from hardware.lamps import open_lamp
from hardware.lamps.apa102 import advice
from hardware.lights import CUES, RHYTHMS
from hardware.panel import GpioPanel, open_panel
from hardware.profiles import Lights, Profile, load_profile

PLAIN = load_profile("generic-usb")
KINDS: dict[str, Lights] = {
    "led": Lights("led", {"led": 23}),
    "rgb": PLAIN.lights,
    "apa102": Lights("apa102", {"clock": 11, "data": 10}, count=3, power=5),
    "none": Lights("none"),
}
SECONDS = 8


def profile(kind: str) -> Profile:
    return msgspec.structs.replace(PLAIN, lights=KINDS[kind])


class Strip(MockSPIDevice):
    """APA102 LEDs at the other end of clock and data: they take what the data sheet allows, and hold it."""

    def __init__(self, factory: MockFactory, count: int) -> None:
        super().__init__(11, 10, None, 8, pin_factory=factory)
        self.leds = [(31, 255, 255, 255)] * count  # as they may come up
        self.messages = 0

    def on_bit(self) -> None:
        bits = 32 * (len(self.leds) + 2)
        if self.rx_bit != bits:
            return
        word = self.rx_word().to_bytes(bits // 8, "big")
        start, *frames, end = [word[at : at + 4] for at in range(0, len(word), 4)]
        assert (start, end) == (bytes(4), b"\xff" * 4)
        assert all(frame[0] >> 5 == 0b111 for frame in frames)
        self.leds = [(frame[0] & 31, frame[3], frame[2], frame[1]) for frame in frames]
        self.messages += 1


class PerCentPin(MockPWMPin):
    """A pin as lgpio's: its duty cycle is whole per cents, and the rest is cut off."""

    def _set_state(self, value: float) -> None:
        super()._set_state(int(100 * value) / 100 if self.frequency else value)


@pytest.fixture(params=[MockPWMPin, PerCentPin, MockPin], ids=["pwm", "per cents", "digital"])
def factory(request: pytest.FixtureRequest) -> Iterator[MockFactory]:
    factory = MockFactory(revision="902120", pin_class=request.param)
    yield factory
    factory.close()


@pytest.fixture
def with_bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    """Pins with a bus: gpiozero's simulated one is of software, and asks the global factory."""
    factory = MockFactory(revision="902120", pin_class=MockPin)
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory
    factory.close()


def watched(panel: GpioPanel, factory: MockFactory, pins: Mapping[str, int], cue: str) -> tuple[object, ...]:
    """What an eye sees of a cue: the pins, every 20 ms for some seconds."""
    panel.show("idle", 0)
    panel.show(cue, 0)
    seen = []
    for sample in range(0, SECONDS * RATE_HZ, 320):
        panel.tick(sample)
        seen.append(tuple(float(factory.pin(pin).state) for pin in pins.values()))
    return tuple(seen)


@pytest.mark.parametrize("kind", ["led", "rgb"])
@pytest.mark.parametrize("brightness", [1.0, 0.0])
def test_every_cue_looks_different(factory: MockFactory, kind: str, brightness: float) -> None:
    panel = open_panel(profile(kind), factory, animated=True)
    panel.brightness = brightness
    looks = {cue: watched(panel, factory, KINDS[kind].pins, cue) for cue in CUES}
    same = [pair for pair in combinations(CUES, 2) if looks[pair[0]] == looks[pair[1]]]
    assert same == ([("verifying", "listening")] if factory.pin_class is MockPin else [])
    panel.close()


@pytest.mark.parametrize("kind", ["led", "rgb"])
@pytest.mark.parametrize("brightness", [1.0, 0.05, 0.0])
@pytest.mark.parametrize("cue", ["verifying", "listening"])
def test_while_sound_is_kept_the_pins_are_never_dark(
    factory: MockFactory, kind: str, brightness: float, cue: str
) -> None:
    panel = open_panel(profile(kind), factory, animated=True)
    panel.brightness = brightness
    assert min(map(max, watched(panel, factory, KINDS[kind].pins, cue))) > 0
    panel.close()


def test_one_led_is_steady_for_listening_and_for_nothing_else(factory: MockFactory) -> None:
    panel = open_panel(profile("led"), factory)
    assert panel.animated  # whoever opened it: without time its cues are one
    steady = {cue for cue in CUES if len(set(watched(panel, factory, {"led": 23}, cue))) == 1}
    assert steady == {"listening", "idle"} | ({"verifying"} if factory.pin_class is MockPin else set())
    assert {state for (state,) in watched(panel, factory, {"led": 23}, "listening")} == {1.0}
    assert {state for (state,) in watched(panel, factory, {"led": 23}, "idle")} == {0.0}
    panel.close()


def test_one_led_without_colour_tells_muted_listening_and_error_apart_by_flashes(
    factory: MockFactory,
) -> None:
    panel = open_panel(profile("led"), factory)

    def flashes(cue: str) -> int:
        beats = [state > 0.5 for (state,) in watched(panel, factory, {"led": 23}, cue)]
        return sum(after and not before for before, after in pairwise(beats))

    counted = {cue: flashes(cue) for cue in ("listening", "muted", "muted_soft", "error", "offline")}
    assert counted == {"listening": 0, "muted": 7, "muted_soft": 15, "error": 16, "offline": 3}
    panel.close()


def test_a_rhythm_whose_cue_is_missing_is_found() -> None:
    assert RHYTHMS.keys() == CUES.keys()
    assert all(set(beats) <= set("#-.") for beats in RHYTHMS.values())


@pytest.mark.parametrize("kind", ["led", "rgb"])
def test_a_closed_lamp_is_dark_and_gives_its_pins_back(factory: MockFactory, kind: str) -> None:
    panel = open_panel(profile(kind), factory)
    panel.show("muted", 0)
    panel.close()
    assert {factory.pin(pin).function for pin in KINDS[kind].pins.values()} == {"input"}
    open_panel(profile(kind), factory).close()


def test_apa102_show_the_cue_as_the_data_sheet_says(with_bus: MockFactory) -> None:
    strip = Strip(with_bus, 3)
    panel = open_panel(profile("apa102"), with_bus)
    assert strip.leds == [(31, 0, 0, 0)] * 3
    assert with_bus.pin(5).state
    panel.show("offline", 0)
    assert strip.leds == [(31, 255, 102, 0)] * 3
    panel.brightness = 0
    assert strip.leds == [(31, 8, 4, 0)] * 3
    assert strip.messages == 3
    panel.close()
    assert strip.leds == [(31, 0, 0, 0)] * 3
    assert not with_bus.pin(5).state or with_bus.pin(5).function == "input"
    open_panel(profile("apa102"), with_bus).close()


def test_a_strip_that_is_longer_than_the_profile_says_is_noticed(with_bus: MockFactory) -> None:
    strip = Strip(with_bus, 4)
    open_panel(profile("apa102"), with_bus).close()
    assert strip.messages == 0


def test_the_two_mic_hat_has_three_leds_on_the_bus(with_bus: MockFactory) -> None:
    strip = Strip(with_bus, 3)
    panel = open_panel(load_profile("respeaker-2mic-hat"), with_bus)
    panel.show("muted", 0)
    assert strip.leds == [(31, 255, 0, 0)] * 3
    panel.close()


@pytest.mark.parametrize("pin", [11, 10, 8])
def test_a_bus_whose_pin_is_taken_is_one_line_and_gives_the_others_back(
    with_bus: MockFactory, pin: int
) -> None:
    wrong = msgspec.structs.replace(profile("apa102"), panel=msgspec.structs.replace(PLAIN.panel, button=pin))
    with pytest.raises(BoardError, match=r"^panel: .*; check the pin numbers") as refusal:
        open_panel(wrong, with_bus)
    assert "\n" not in str(refusal.value)
    open_panel(profile("apa102"), with_bus).close()


def test_without_a_bus_of_the_hardware_the_firmware_is_told_what_to_do(factory: MockFactory) -> None:
    """A simulated Pi whose pins cannot be a bus, as on one where SPI is switched off."""
    factory.pin(11, pin_class=type("NoBus", (MockPin,), {}))
    with pytest.raises(BoardError, match=f"^lights apa102: .*; {re.escape(advice())}$") as refusal:
        open_panel(profile("apa102"), factory)
    assert "\n" not in str(refusal.value)


def test_a_bus_that_is_switched_off_and_one_that_is_not_ours_are_two_things(tmp_path: Path) -> None:
    node = tmp_path / "spidev0.0"
    assert "dtparam=spi=on" in advice(node)
    node.touch()
    assert "group spi" in advice(node)
    assert "dtparam" not in advice(node)


class LooseBus(MockFactory):
    """Pins whose bus fails now and then, as a driver may: with an error of its own."""

    def __init__(self) -> None:
        super().__init__(revision="902120", pin_class=MockPin)
        self.fails = False

    def spi(self, **pins: int | None) -> "LooseBus.Wire":
        return self.Wire(self, super().spi(**pins))

    class Wire:
        def __init__(self, factory: "LooseBus", bus: SPI) -> None:
            self._factory, self._bus = factory, bus

        def transfer(self, data: list[int]) -> None:
            if self._factory.fails:
                raise RuntimeError("bad SPI count")
            self._bus.transfer(data)

        def close(self) -> None:
            self._bus.close()


def test_a_bus_that_fails_is_trouble_and_no_end_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = LooseBus()
    monkeypatch.setattr(Device, "pin_factory", factory)
    strip = Strip(factory, 3)
    panel = open_panel(profile("apa102"), factory)
    factory.fails = True
    panel.show("muted", 0)
    assert str(panel.trouble).startswith("lights apa102: bad SPI count; ")
    assert not panel.lit
    panel.tick(320)
    factory.fails = False
    panel.tick(640)
    assert (panel.trouble, panel.lit) == (None, True)
    assert strip.leds == [(31, 255, 0, 0)] * 3
    factory.fails = True
    panel.close()
    factory.fails = False
    open_panel(profile("apa102"), factory).close()
    factory.close()


def test_no_lights_are_no_lights(factory: MockFactory) -> None:
    lamp = open_lamp(Lights("none"), factory)
    lamp.show((1, 1, 1))
    lamp.close()
    panel = open_panel(profile("none"), factory)
    panel.show("muted", 0)
    assert panel.trouble is None
    assert not panel.lit
    panel.close()
