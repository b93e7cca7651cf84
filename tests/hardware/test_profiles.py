"""Profiles: every board that comes with the package can be built, and what cannot is refused in one line."""

from pathlib import Path

import pytest

from hardware.errors import BoardError
from hardware.profiles import FOLDER, load_profile, names, used_pins
from hardware.profiles.pins import BUS_PINS

GENERIC = (FOLDER / "generic-usb.toml").read_text(encoding="utf-8")
HAT = (FOLDER / "respeaker-2mic-hat.toml").read_text(encoding="utf-8")
ARRAY = (FOLDER / "respeaker-usb-4mic.toml").read_text(encoding="utf-8")
XVF = (FOLDER / "respeaker-xvf3800.toml").read_text(encoding="utf-8")


def test_the_four_boards_are_there() -> None:
    assert names() == ["generic-usb", "respeaker-2mic-hat", "respeaker-usb-4mic", "respeaker-xvf3800"]


@pytest.mark.parametrize("name", names())
def test_no_pin_is_used_twice_and_none_is_a_buses(name: str) -> None:
    profile = load_profile(name)
    pins = [pin for part, pin in used_pins(profile) if part not in {"lights.clock", "lights.data"}]
    buses = {*profile.wiring.buses, *(["spi"] if profile.lights.kind == "apa102" else [])}
    assert len(set(pins)) == len(pins)
    assert not set(pins) & {pin for bus in buses for pin in BUS_PINS[bus]}


@pytest.mark.parametrize("name", names())
def test_no_pin_is_one_that_the_pi_needs_itself(name: str) -> None:
    """GPIO0 and GPIO1 are for the EEPROM of a HAT, 14 and 15 for the console."""
    assert not {0, 1, 14, 15} & {pin for _, pin in used_pins(load_profile(name))}


@pytest.mark.parametrize("name", names())
def test_every_channel_is_one_that_the_card_has(name: str) -> None:
    heard = load_profile(name).microphone
    assert heard.channel < min(heard.channels)
    assert all(channel < max(heard.channels) for channel in heard.raw)
    assert heard.reference is None or heard.reference < max(heard.channels)
    assert 16_000 in heard.rates_hz


def test_what_the_makers_say() -> None:
    array, xvf, hat = (load_profile(f"respeaker-{name}") for name in ("usb-4mic", "xvf3800", "2mic-hat"))
    assert (array.microphone.usb, array.microphone.channels[0]) == ("2886:0018", 6)
    assert (array.microphone.raw, array.microphone.reference) == ((1, 2, 3, 4), 5)
    assert (xvf.microphone.usb, xvf.microphone.channels, xvf.microphone.raw) == (
        "2886:001a",
        (2, 6),
        (2, 3, 4, 5),
    )
    assert (xvf.panel.mute, xvf.panel.mute_circuit) == (None, "respeaker-xvf3800")
    assert (hat.panel.button, hat.lights.kind, hat.lights.count) == (17, "apa102", 3)
    assert hat.wiring.buses == ("i2c", "i2s", "spi")


WRONG = {
    "unknown key": (GENERIC, "button = 17", "button = 17\nknob = 4", "knob"),
    "no such pin": (GENERIC, "button = 17", "button = 28", "button"),
    "a pin twice": (GENERIC, "mute = 27", "mute = 17", "panel.mute: GPIO17 is taken by panel.button"),
    "a light on the button": (GENERIC, "red = 23", "red = 17", "lights.red: GPIO17 is taken by panel.button"),
    "on the codec's bus": (HAT, "mute = 12", "mute = 19", "panel.mute: GPIO19 is taken by the I2S bus"),
    "on the control bus": (HAT, "mute = 12", "mute = 2", "panel.mute: GPIO2 is taken by the I2C bus"),
    "on the lights' bus": (HAT, "mute = 12", "mute = 8", "panel.mute: GPIO8 is taken by the SPI bus"),
    "lights beside their bus": (HAT, "clock = 11", "clock = 5", "lights.clock: GPIO5, and the SPI bus"),
    "a light without its pin": (
        GENERIC,
        ", blue = 25",
        "",
        "lights.pins: rgb needs blue, green, red, and there",
    ),
    "pins for a ring": (
        ARRAY,
        "count = 12",
        "count = 12\npins = { led = 4 }",
        "respeaker-usb needs none, and",
    ),
    "no such channel": (ARRAY, "channel = 0", "channel = 6", "microphone: channel 6 of 6"),
    "no such microphone": (XVF, "raw = [2", "raw = [7", "microphone: channel 7 of 6"),
    "no such reference": (ARRAY, "reference = 5", "reference = 9", "microphone: channel 9 of 6"),
    "no channel at all": (ARRAY, "channels = [6, 1]", "channels = []", "channels"),
    "nothing to mute with": (GENERIC, "mute = 27", "", "panel.mute: missing, and no mute_circuit either"),
    "lights that mute puts out": (
        ARRAY,
        'on_board = ["lights"]',
        'on_board = ["lights"]\ncuts_supply = "the red wire goes through it"',
        "wiring.cuts_supply: it puts out the lights",
    ),
    "not TOML": (GENERIC, "[panel]", "[panel", "line"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_profile_that_cannot_be_built_is_refused_in_one_line(tmp_path: Path, fault: str) -> None:
    text, there, instead, says = WRONG[fault]
    assert there in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(there, instead, 1), encoding="utf-8")
    with pytest.raises(BoardError) as refusal:
        load_profile(str(path))
    assert says in str(refusal.value)
    assert str(refusal.value).startswith(f"{path}: ")
    assert str(refusal.value).endswith("; mend the profile")
    assert "\n" not in str(refusal.value)


def test_a_profile_of_ones_own_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HAT, encoding="utf-8")
    assert load_profile(str(path)) == load_profile("respeaker-2mic-hat")


@pytest.mark.parametrize("name", ["toaster", "missing/mine.toml", "../generic-usb"])
def test_a_profile_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(BoardError) as refusal:
        load_profile(name)
    assert "\n" not in str(refusal.value)
