"""The wiring diagrams show the pins that the firmware uses; a board that cannot be built so is refused."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from hardware.profiles import Lights, Profile, load_profile, names
from scripts import draw_wiring

SVG = "{http://www.w3.org/2000/svg}"
README = draw_wiring.FOLDER / "README.md"


def drawn_gpios(svg: str) -> set[int]:
    wires = ET.fromstring(svg).iter(f"{SVG}path")
    return {
        int(found[1]) for wire in wires if (found := re.fullmatch(r"GPIO(\d+)", wire.get("data-name", "")))
    }


def wanted_gpios(profile: Profile) -> set[int]:
    on_board = profile.wiring.on_board
    pins = {profile.panel.mute} - {None}
    pins |= {profile.panel.button} - ({profile.panel.button} if "button" in on_board else set())
    return pins | (set() if "lights" in on_board else set(profile.lights.pins.values()))


@pytest.mark.parametrize("name", names())
def test_a_diagram_shows_the_pins_of_the_profile(name: str) -> None:
    svg = (draw_wiring.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert drawn_gpios(svg) == wanted_gpios(load_profile(name))
    assert ("data-supply" in svg) is bool(load_profile(name).wiring.cuts_supply)


def test_the_diagrams_and_parts_lists_are_those_that_would_be_drawn_now() -> None:
    assert draw_wiring.main(["--check"]) == 0


def test_a_diagram_of_other_pins_is_noticed(tmp_path: Path) -> None:
    for path in draw_wiring.FOLDER.iterdir():
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8").replace("GPIO27", "GPIO22"))
    assert draw_wiring.main(["--check", "--folder", str(tmp_path)]) == 1


@pytest.mark.parametrize(("button", "mute", "says"), [(17, 17, "two parts"), (17, 4, "cross")])
def test_pins_that_cannot_be_wired_are_refused(button: int, mute: int, says: str) -> None:
    profile = load_profile("generic-usb")
    panel = msgspec.structs.replace(profile.panel, button=button, mute=mute)
    with pytest.raises(draw_wiring.WiringError, match=says):
        draw_wiring.parts(msgspec.structs.replace(profile, panel=panel))


@pytest.mark.parametrize(
    ("lights", "says"),
    [
        (Lights("apa102", {"clock": 11, "data": 10}), "lights apa102: nobody"),
        (Lights("led", {"led": 23}, power=5), "lights led with a supply of their own"),
    ],
)
def test_lights_that_the_drawing_would_get_wrong_are_refused(lights: Lights, says: str) -> None:
    profile = msgspec.structs.replace(load_profile("generic-usb"), lights=lights)
    with pytest.raises(draw_wiring.WiringError, match=says):
        draw_wiring.parts(profile)


@pytest.mark.parametrize("kind", ["led", "rgb"])
def test_a_light_is_drawn_as_what_it_is(kind: str) -> None:
    generic = load_profile("generic-usb")
    lights = generic.lights if kind == "rgb" else Lights("led", {"led": 23})
    light = draw_wiring.parts(msgspec.structs.replace(generic, lights=lights))[-1]
    assert (light.name, len(light.wires)) == (("RGB LED", 4) if kind == "rgb" else ("LED", 2))


@pytest.mark.parametrize("name", names())
def test_every_board_has_a_parts_list_and_its_picture_in_the_guide(name: str) -> None:
    guide = README.read_text(encoding="utf-8")
    assert f"({name}.svg)" in guide
    assert load_profile(name).wiring.parts
    assert all(part in guide for part in load_profile(name).wiring.parts)


def test_the_jumper_that_the_guide_names_joins_the_mute_pin_to_a_ground_beside_it() -> None:
    said = re.search(r"pin (\d+) \(GPIO(\d+)\) to pin (\d+), the ground", README.read_text(encoding="utf-8"))
    assert said
    mute, gpio, ground = map(int, said.groups())
    pins = draw_wiring.header()
    assert (pins[mute].name, pins[ground].name) == (f"GPIO{gpio}", "GND")
    assert pins[mute].row == pins[ground].row
    for board in ("generic-usb", "respeaker-usb-4mic"):
        assert load_profile(board).panel.mute == gpio
    assert load_profile("respeaker-2mic-hat").panel.mute == 12
    assert load_profile("respeaker-xvf3800").panel.mute is None
