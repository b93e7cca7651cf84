"""Which sound cards could hear, and what to write into the settings for each. It opens none of them."""

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


class Candidate(NamedTuple):
    """A card that captures. `profile` is the one that knows it, or empty; `device` is PortAudio's name for
    it, empty while another program has it.
    """

    name: str
    usb: str
    channels: int
    profile: str
    device: str

    @property
    def setting(self) -> str:
        """What to write below `[board]` to hear it."""
        if self.profile:
            return f'profile = "{self.profile}"'
        return f"microphone = {json.dumps(self.usb or self.name, ensure_ascii=False)}"


def candidates(proc: Path = cards.PROC) -> list[Candidate]:
    """All cards that capture: those of the kernel first, then what else PortAudio has.

    Raises:
        NotInstalled: PyAudio or PortAudio is missing.
        HardwareError: PortAudio does not answer.
    """
    devices = _devices()
    kernels = [card for card in cards.sound_cards(proc) if card.captures]
    by_number = {cards.number_of(device.name): device for device in devices}
    found = [_candidate(card, by_number.get(card.number)) for card in kernels]
    taken = {card.number for card in kernels}
    others = [device for device in devices if cards.number_of(device.name) not in taken]
    return found + [Candidate(device.name, "", device.channels, "", device.name) for device in others]


def _candidate(card: cards.SoundCard, device: Device | None) -> Candidate:
    channels = device.channels if device else max(card.channels, default=0)
    return Candidate(card.name, card.usb, channels, _profile_of(card.usb), device.name if device else "")


def _profile_of(usb: str) -> str:
    known = (name for name in names() if usb and load_profile(name).microphone.usb == usb)
    return next(known, "")


def chosen(profile: str, own: str, among: list[Candidate], proc: Path = cards.PROC) -> Candidate | None:
    """The card that these settings mean at the moment, if there is one that is free."""
    try:
        needles = cards.wanted(load_profile(profile).microphone, own, proc)
    except HardwareError:
        return None
    folded = [needle.casefold() for needle in needles]
    matches = (one for needle in folded for one in among if needle in one.device.casefold())
    return next(matches, None)


def described(among: list[Candidate], meant: Candidate | None) -> Iterator[str]:
    """What to print: a line a card, and what to write for it."""
    if not among:
        yield "no sound card captures here: plug a microphone in"
    for one in among:
        usb = f"USB {one.usb}" if one.usb else "not USB"
        many = {0: "channels unknown", 1: "1 channel"}.get(one.channels, f"{one.channels} channels")
        known = f"known as {one.profile}" if one.profile else "no profile of its own"
        busy = "" if one.device else ", in use or broken: its other program must let go of it"
        yield f"{'*' if one is meant else ' '} {one.name}: {usb}, {many}, {known}{busy}"
        yield f"      [board] {one.setting}"
    if meant is not None:
        yield "* is what the settings choose now"
    elif among:
        yield "the settings choose none of these"


def _devices() -> list[Device]:
    try:
        ran = subprocess.run(
            command("hardware.pi.devices", {}), env=environment(), check=False, timeout=_WITHIN_S,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        answer = json.loads(ran.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise HardwareError(
            "sound cards: PortAudio does not say which there are; look with `arecord -l`"
        ) from error
    if isinstance(answer, str):
        raise NotInstalled(answer)
    return [Device(**device) for device in answer]
