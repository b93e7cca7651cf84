"""The panel on simulated pins: edges as the contacts make them, and a light that says what it shows."""

from collections.abc import Iterator

import msgspec
import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware.board import RGB, Edge
from hardware.errors import BoardError
from hardware.lights import CUES, FAINTEST, LEAST_DUTY, colour
from hardware.panel import GpioPanel, open_panel
from hardware.profiles import PanelPins, Profile, load_profile

PROFILE = load_profile("generic-usb")
PINS = PROFILE.panel
LIGHT = PROFILE.lights.pins


def other(*, mute: int = PINS.mute or 0, red: int = LIGHT["red"]) -> Profile:
    """The same board with a part on another pin."""
    lights = msgspec.structs.replace(PROFILE.lights, pins=LIGHT | {"red": red})
    return msgspec.structs.replace(PROFILE, panel=PanelPins(PINS.button, mute), lights=lights)


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory(revision="902120", pin_class=MockPWMPin)
    yield factory
    factory.close()


@pytest.fixture
def panel(factory: MockFactory) -> Iterator[GpioPanel]:
    panel = open_panel(PROFILE, factory)
    yield panel
    panel.close()


def light(factory: MockFactory) -> RGB:
    red, green, blue = (factory.pin(pin).state for pin in LIGHT.values())
    return (red, green, blue)


def test_pressing_and_releasing_are_edges_in_order(panel: GpioPanel, factory: MockFactory) -> None:
    button = factory.pin(PINS.button)
    button.drive_low()
    button.drive_high()
    assert list(panel.edges) == [Edge("button", True), Edge("button", False)]


def test_a_bouncing_contact_is_reported_bounce_by_bounce(panel: GpioPanel, factory: MockFactory) -> None:
    button = factory.pin(PINS.button)
    for _ in range(3):
        button.drive_low()
        button.drive_high()
    assert len(panel.edges) == 6


def test_the_level_is_the_pin_and_not_the_last_edge(panel: GpioPanel, factory: MockFactory) -> None:
    factory.pin(PINS.button).drive_low()
    panel.edges.clear()
    assert panel.level("button") is True
    factory.pin(PINS.button).drive_high()
    assert panel.level("button") is False


def test_a_mute_switch_whose_wire_is_cut_is_muted(panel: GpioPanel) -> None:
    assert panel.level("mute") is True


def test_the_mute_switch_closes_to_be_live_and_opens_to_mute(panel: GpioPanel, factory: MockFactory) -> None:
    switch = factory.pin(PINS.mute)
    switch.drive_low()
    assert panel.level("mute") is False
    switch.drive_high()
    assert panel.level("mute") is True
    assert list(panel.edges) == [Edge("mute", False), Edge("mute", True)]


def test_both_inputs_are_pulled_up(panel: GpioPanel, factory: MockFactory) -> None:
    assert panel.level("button") is False
    assert {factory.pin(pin).pull for pin in (PINS.button, PINS.mute)} == {"up"}


@pytest.mark.parametrize("cue", CUES)
def test_showing_a_cue_sets_the_light_at_once(panel: GpioPanel, factory: MockFactory, cue: str) -> None:
    panel.show(cue, 0)
    assert light(factory) == colour(cue, 0)


def test_a_panel_starts_dark(panel: GpioPanel, factory: MockFactory) -> None:
    assert panel.level("button") is False
    assert light(factory) == (0, 0, 0)


def test_showing_the_same_cue_again_is_no_change(panel: GpioPanel) -> None:
    changes = []
    panel.listener = lambda *change: changes.append(change)
    panel.show("listening", 320)
    panel.show("listening", 640)
    assert changes == [(320, "listening", CUES["listening"].rgb)]


def test_cues_of_one_colour_are_still_two_changes(panel: GpioPanel) -> None:
    changes = []
    panel.listener = lambda *change: changes.append(change)
    panel.show("muted", 0)
    panel.show("error", 320)
    assert [cue for _, cue, _ in changes] == ["muted", "error"]


def test_a_still_panel_does_not_pulse(panel: GpioPanel, factory: MockFactory) -> None:
    panel.show("error", 0)
    for sample in range(0, 16_000, 320):
        panel.tick(sample)
        assert light(factory) == CUES["error"].rgb


def test_an_animated_panel_pulses_from_the_sample_of_the_cue(panel: GpioPanel, factory: MockFactory) -> None:
    panel.animated = True
    panel.show("error", 4_800)
    panel.tick(4_800 + 8_000)
    assert light(factory) == pytest.approx(colour("error", 8_000))
    panel.tick(4_800 + 16_000)
    assert light(factory) == CUES["error"].rgb


def test_ticking_reports_changes_of_colour_only(panel: GpioPanel) -> None:
    panel.animated = True
    panel.show("offline", 0)
    changes = []
    panel.listener = lambda *change: changes.append(change)
    for sample in range(0, 32_000, 320):
        panel.tick(sample)
    assert changes == [
        (sample, "offline", colour("offline", sample))
        for sample in range(320, 32_000, 320)
        if colour("offline", sample) != colour("offline", sample - 320)
    ]


def test_an_animated_panel_leaves_steady_cues_alone(panel: GpioPanel) -> None:
    panel.animated = True
    panel.show("listening", 0)
    changes = []
    panel.listener = lambda *change: changes.append(change)
    for sample in range(0, 32_000, 320):
        panel.tick(sample)
    assert changes == []


def test_a_pin_that_is_taken_is_one_line_and_gives_the_others_back(factory: MockFactory) -> None:
    with pytest.raises(BoardError, match=r"^panel: .*17.*; check the pin numbers") as refusal:
        open_panel(other(mute=17), factory)
    assert "\n" not in str(refusal.value)
    open_panel(PROFILE, factory).close()


def test_a_pin_that_does_not_exist_is_one_line(factory: MockFactory) -> None:
    with pytest.raises(BoardError, match=r"panel: .*; check the pin numbers"):
        open_panel(other(red=99), factory)
    open_panel(PROFILE, factory).close()


def test_a_closed_panel_hears_nothing_and_gives_its_pins_back(factory: MockFactory) -> None:
    panel = open_panel(PROFILE, factory)
    panel.show("muted", 0)
    panel.close()
    panel.close()
    factory.pin(PINS.button).drive_low()
    assert not panel.edges
    open_panel(PROFILE, factory).close()


def test_the_global_pin_factory_stays_untouched(panel: GpioPanel) -> None:
    panel.show("muted", 0)
    assert Device.pin_factory is None


@pytest.mark.parametrize("brightness", [1.0, 0.5, 0.1, 0.0])
@pytest.mark.parametrize("cue", CUES)
def test_brightness_dims_every_cue_and_hides_none(
    panel: GpioPanel, factory: MockFactory, cue: str, brightness: float
) -> None:
    panel.brightness = brightness
    panel.show(cue, 0)
    factor = max(brightness, FAINTEST)
    parts = [max(part * factor, LEAST_DUTY) if part else 0 for part in colour(cue, 0)]
    assert light(factory) == pytest.approx(parts)
    assert (max(light(factory)) > 0) is (cue != "idle")


def test_a_change_of_brightness_shows_at_once_and_is_told(panel: GpioPanel, factory: MockFactory) -> None:
    panel.show("muted", 640)
    changes = []
    panel.listener = lambda *change: changes.append(change)
    panel.brightness = 0.25
    assert light(factory) == (0.25, 0, 0)
    assert changes == [(640, "muted", (0.25, 0, 0))]


def test_brightness_does_not_stop_a_pulse(panel: GpioPanel, factory: MockFactory) -> None:
    panel.animated = True
    panel.brightness = 0
    panel.show("error", 0)
    panel.tick(8_000)
    assert light(factory) == pytest.approx((LEAST_DUTY, 0, 0))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_brightness_is_between_nothing_and_full(panel: GpioPanel, wrong: float) -> None:
    with pytest.raises(BoardError, match="out of range"):
        panel.brightness = wrong
    assert panel.brightness == 1


def test_the_position_of_a_switch_outlasts_the_power(panel: GpioPanel) -> None:
    assert panel.mute_lasts
    assert panel.trouble is None
