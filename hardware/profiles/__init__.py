"""What a microphone array is, to the driver of the Pi: one TOML file a board, and the types of its keys.

It opens no device and takes no pin; whoever draws a wiring diagram or sets up a driver reads the same file.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hardware.errors import BoardError
from hardware.profiles.pins import colliding, missing

FOLDER = Path(__file__).parent

Channel = Annotated[int, msgspec.Meta(ge=0, le=31)]
Channels = Annotated[int, msgspec.Meta(ge=1, le=32)]
Gpio = Annotated[int, msgspec.Meta(ge=0, le=27)]
"""A Broadcom number, of those on the 40-pin header."""
Rate = Annotated[int, msgspec.Meta(ge=8_000, le=192_000)]
UsbId = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{4}:[0-9a-f]{4})?\Z")]

Bus = Literal["i2c", "i2s", "spi"]
LightKind = Literal["none", "led", "rgb", "apa102", "respeaker-usb", "respeaker-xvf3800"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a profile; a key that it does not know is an error."""


class Card(_Table, frozen=True):
    """A sound card: found by its USB id whatever number ALSA gives it, else by part of its name."""

    usb: UsbId
    names: tuple[str, ...]
    rates_hz: Annotated[tuple[Rate, ...], msgspec.Meta(min_length=1)]
    """Tried in this order; anything but 16 kHz is resampled."""
    channels: Annotated[tuple[Channels, ...], msgspec.Meta(min_length=1)]
    """Tried in this order."""


class Capture(Card, frozen=True):
    """The card that hears."""

    channel: Channel
    """The one that is heard, from 0; the last there is where there are fewer."""
    raw: tuple[Channel, ...] = ()
    """Channels of single microphones, for whoever studies beams; the firmware does not hear them."""
    reference: Channel | None = None
    """The channel on which the array gives back what the loudspeaker plays."""


class PanelPins(_Table, frozen=True):
    """GPIO numbers of the hands' parts: both close to ground; the mute switch is open when muted."""

    button: Gpio
    mute: Gpio | None = None
    """None only where `mute_circuit` is another than "none": something has to mute by hand."""
    mute_circuit: Literal["none", "respeaker-xvf3800"] = "none"
    """A mute circuit of the array's own, which counts besides the switch."""


class Lights(_Table, frozen=True):
    """What shows the cues. `pins` are GPIO numbers: `led`; `red`, `green`, `blue`; or `clock`, `data`."""

    kind: LightKind
    pins: dict[str, Gpio] = {}
    count: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    power: Gpio | None = None
    """A pin that has to be high before the lights have a supply."""


class Wiring(_Table, frozen=True):
    """What a person with a soldering iron must know; no driver reads it."""

    parts: tuple[str, ...] = ()
    """What to have on the table, besides a Pi, its supply and its card."""
    on_board: tuple[Literal["button", "lights"], ...] = ()
    """What the array has itself, so that nothing is wired."""
    cuts_supply: str = ""
    """Where the mute switch's second pole cuts the microphone's supply; "" where it cannot, or would put out
    the lights.
    """
    buses: tuple[Bus, ...] = ()
    """Buses of the header that the array takes for itself: nothing else may use their pins."""


class Profile(_Table, frozen=True):
    """One microphone array and what is wired beside it."""

    title: str
    microphone: Capture
    loudspeaker: Card
    panel: PanelPins
    lights: Lights
    wiring: Wiring = Wiring()


def names() -> list[str]:
    """The profiles that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """The profile called `name`, or in the file `name` if that ends with .toml.

    Raises BoardError for a profile that is not there, not TOML, has a key or value that means nothing, or
    cannot be built: a pin that is used twice, a channel that the card does not have.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if path.parent == FOLDER and path.stem not in names():
        raise BoardError(
            f"profile {name!r}: unknown; choose one of {', '.join(names())}, or give a .toml file"
        )
    try:
        settings: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        profile = msgspec.convert(settings, Profile)
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}; name a profile that can be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BoardError(f"{path}: {' '.join(str(error).split())}; mend the profile") from error
    for fault in _faults(profile):
        raise BoardError(f"{path}: {fault}; mend the profile")
    return profile


def _faults(profile: Profile) -> list[str]:
    """What no board can have, the first thing first."""
    heard, lights, hands = profile.microphone, profile.lights, profile.panel
    faults = []
    if hands.mute is None and hands.mute_circuit == "none":
        faults.append("panel.mute: missing, and no mute_circuit either")
    named = [heard.channel, *heard.raw, *([] if heard.reference is None else [heard.reference])]
    faults += [
        f"microphone: channel {channel} of {max(heard.channels)}, counted from 0"
        for channel in named
        if channel >= max(heard.channels)
    ]
    faults += missing(lights.kind, set(lights.pins))
    if lights.kind.startswith("respeaker-") and profile.wiring.cuts_supply:
        faults.append("wiring.cuts_supply: it puts out the lights, which are the array's own")
    return faults + colliding(used_pins(profile), profile.wiring.buses)


def used_pins(profile: Profile) -> list[tuple[str, int]]:
    """Each pin that the panel takes, by what it is for: `panel.button`, `lights.red`."""
    hands, lights = profile.panel, profile.lights
    pins = [("panel.button", hands.button), ("panel.mute", hands.mute), ("lights.power", lights.power)]
    pins += [(f"lights.{part}", pin) for part, pin in lights.pins.items()]
    return [(part, pin) for part, pin in pins if pin is not None]
