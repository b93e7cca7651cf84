"""Which sound cards could hear or speak, and what to write into the settings for each. It hears none: to see
what there is PortAudio opens each that is free for a moment.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hardware.errors import HardwareError, NotInstalled
from hardware.pi import cards
from hardware.pi.child import command, environment
from hardware.pi.devices import Device
from hardware.profiles import load_profile, names

_WITHIN_S = 20
_CONVERTS = 32
"""No array has so many channels: ALSA makes them."""
_NO_CARDS = ("default", "sysdefault")
"""ALSA's names for whatever it is told to use. They take what they are asked for, and so look like arrays."""


class Candidate(NamedTuple):
    """A card that captures, or one that plays. `profile` is the one that knows its microphones, or empty;
    `device` is PortAudio's name for it, empty while another program has it.
    """

    name: str
    usb: str
    channels: int
    profile: str
    device: str
    hears: bool = True

    @property
    def setting(self) -> str:
        """What to write below `[board]` to choose it."""
        if self.profile:
            return f'profile = "{self.profile}"'
        key = "microphone" if self.hears else "loudspeaker"
        return f"{key} = {json.dumps(self.usb or self.name, ensure_ascii=False)}"

    @property
    def kind(self) -> str:
        """What it is, for a person."""
        if self.name in _NO_CARDS:
            return "no card: what /etc/asound.conf says, else the first card"
        usb = f"USB {self.usb}" if self.usb else "not USB"
        many = {0: "channels unknown", 1: "1 channel"}.get(self.channels, f"{self.channels} channels")
        if self.channels >= _CONVERTS:
            many = "as many channels as it is asked for"
        known = (
            f", known as {self.profile}" if self.profile else ", no profile of its own" if self.hears else ""
        )
        return f"{usb}, {many}{known}"


def candidates(proc: Path = cards.PROC, *, hears: bool = True) -> list[Candidate]:
    """All cards that capture, or all that play: those of the kernel first, then what else PortAudio has, and
    last what is no card.

    Raises:
        NotInstalled: PyAudio or PortAudio is missing.
        HardwareError: PortAudio does not answer.
    """
    devices = _devices(hears=hears)
    kernels = [card for card in cards.sound_cards(proc) if (card.captures if hears else card.plays)]
    by_number = {cards.number_of(device.name): device for device in devices}
    found = [_candidate(card, by_number.get(card.number), hears=hears) for card in kernels]
    taken = {card.number for card in kernels}
    others = [device for device in devices if cards.number_of(device.name) not in taken]
    others.sort(key=lambda device: device.name in _NO_CARDS)
    return found + [Candidate(device.name, "", device.channels, "", device.name, hears) for device in others]


def _candidate(card: cards.SoundCard, device: Device | None, *, hears: bool) -> Candidate:
    known = max(card.channels, default=0) if hears else 0
    channels = device.channels if device else known
    profile = _profile_of(card.usb) if hears else ""
    return Candidate(card.name, card.usb, channels, profile, device.name if device else "", hears)


def _profile_of(usb: str) -> str:
    known = (name for name in names() if usb and load_profile(name).microphone.usb == usb)
    return next(known, "")


def chosen(
    profile: str, own: str, among: list[Candidate], proc: Path = cards.PROC, *, hears: bool = True
) -> Candidate | None:
    """The card that these settings mean at the moment, if there is one that is free."""
    try:
        array = load_profile(profile)
        needles = cards.wanted(array.microphone if hears else array.loudspeaker, own, proc)
    except HardwareError:
        return None
    folded = [needle.casefold() for needle in needles]
    matches = (one for needle in folded for one in among if needle in one.device.casefold())
    return next(matches, None)


def described(among: list[Candidate], meant: Candidate | None, *, hears: bool = True) -> Iterator[str]:
    """What to print: a line a card, and what to write for it."""
    if not among:
        yield (
            "no sound card captures here: plug a microphone in"
            if hears
            else "no sound card plays here: plug a loudspeaker or a sound card in"
        )
    for one in among:
        busy = "" if one.device else ", in use or broken: its other program must let go of it"
        yield f"{'*' if one is meant else ' '} {one.name}: {one.kind}{busy}"
        yield f"      [board] {one.setting}"
    if meant is not None:
        yield "* is what the settings choose now"
    elif among:
        yield "the settings choose none of these"


def _devices(*, hears: bool) -> list[Device]:
    try:
        ran = subprocess.run(
            command("hardware.pi.devices", {"capture": hears}), env=environment(), check=False,
            timeout=_WITHIN_S, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        answer = json.loads(ran.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise HardwareError(
            "sound cards: PortAudio does not say which there are; look with `arecord -l` and `aplay -l`"
        ) from error
    if isinstance(answer, str):
        raise NotInstalled(answer)
    return [Device(**device) for device in answer]
