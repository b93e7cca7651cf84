"""The promises that every panel keeps, whatever lamp it has: one file, for every kind of light there is."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from hardware.board import Edge
from hardware.errors import BoardError
from hardware.lights import CUES, dimmed
from hardware.panel import GpioPanel, open_panel
from hardware.profiles import LightKind, Lights, load_profile
from tests.hardware.usb_twin import PixelRing, Usb, Xvf3800

KINDS = {
    "none": Lights("none"),
    "led": Lights("led", {"led": 23}),
    "rgb": load_profile("generic-usb").lights,
    "apa102": load_profile("respeaker-2mic-hat").lights,
    "respeaker-usb": load_profile("respeaker-usb-4mic").lights,
    "respeaker-xvf3800": load_profile("respeaker-xvf3800").lights,
}


@pytest.fixture(params=KINDS)
def lights(request: pytest.FixtureRequest) -> Lights:
    return KINDS[request.param]


@pytest.fixture
def bus(lights: Lights) -> Usb:
    return Usb(PixelRing() if lights.kind == "respeaker-usb" else Xvf3800())


@pytest.fixture
def panel(lights: Lights, bus: Usb, monkeypatch: pytest.MonkeyPatch) -> Iterator[GpioPanel]:
    factory = MockFactory(revision="902120", pin_class=MockPin if lights.kind == "apa102" else MockPWMPin)
    monkeypatch.setattr(Device, "pin_factory", factory)
    profile = msgspec.structs.replace(load_profile("generic-usb"), lights=lights)
    panel = open_panel(profile, factory, animated=True, usb=bus)
    yield panel
    panel.close()
    panel.close()
    factory.close()


def told_by(panel: GpioPanel) -> list[tuple[Any, ...]]:
    changes: list[tuple[Any, ...]] = []
    panel.listener = lambda *change: changes.append(change)
    return changes


def test_every_kind_of_light_is_held_to_it() -> None:
    assert set(KINDS) == set(get_args(LightKind))


def test_every_cue_is_shown_at_once_told_and_not_dark(panel: GpioPanel) -> None:
    changes = told_by(panel)
    for sample, cue in enumerate(list(CUES)[::-1]):
        panel.show(cue, sample)
    assert [change[:2] for change in changes] == list(enumerate(list(CUES)[::-1]))
    assert {cue for _, cue, rgb in changes if max(rgb) == 0} == {"idle"}


def test_the_same_cue_again_is_no_change(panel: GpioPanel) -> None:
    changes = told_by(panel)
    panel.show("muted", 0)
    panel.show("muted", 320)
    assert len(changes) == 1


def test_an_unknown_cue_is_refused_and_changes_nothing(panel: GpioPanel) -> None:
    panel.show("listening", 0)
    changes = told_by(panel)
    with pytest.raises(BoardError, match="choose one of"):
        panel.show("rainbow", 0)
    panel.tick(320)
    assert changes == []


def test_listening_is_steady_and_error_moves(panel: GpioPanel) -> None:
    moved = {}
    for cue in ("listening", "error"):
        panel.show(cue, 0)
        changes = told_by(panel)
        for sample in range(0, 32_000, 320):
            panel.tick(sample)
        moved[cue] = len(changes) > 4
    assert moved == {"listening": False, "error": True}


def test_it_is_dimmed_and_never_put_out(panel: GpioPanel) -> None:
    changes = told_by(panel)
    panel.show("listening", 0)
    panel.brightness = 0.5
    panel.brightness = 0
    full, half, least = [rgb for *_, rgb in changes]
    assert (half, least) == (dimmed(full, 0.5), dimmed(full, 0))
    assert max(least) > 0


def test_hands_are_felt(panel: GpioPanel) -> None:
    button, switch = (Device.pin_factory.pin(pin) for pin in (17, 27))
    assert (panel.level("button"), panel.level("mute")) == (False, True)
    assert not panel.edges
    switch.drive_low()
    button.drive_low()
    assert (panel.level("button"), panel.level("mute")) == (True, False)
    assert list(panel.edges) == [Edge("mute", False), Edge("button", True)]


def test_it_says_whether_it_is_seen(panel: GpioPanel, lights: Lights, bus: Usb) -> None:
    if lights.kind.startswith("respeaker"):
        assert bus.until(lambda: panel.lit)
    assert panel.lit is (lights.kind != "none")
