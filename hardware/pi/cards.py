"""What the kernel says of its sound cards, read from /proc/asound, and which of them is meant.

It opens no device. The root of /proc is an argument everywhere, so that a made-up one will do.
"""

import re
from pathlib import Path
from typing import NamedTuple

from hardware.errors import BoardError, MicrophoneLost
from hardware.profiles import Card

PROC = Path("/proc")

_LINE = re.compile(r"^ *(\d+) \[(.{15})\]: (.*)$", re.MULTILINE)
_USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")
_HARDWARE = re.compile(r"\(hw:(\d+),")
_COUNT = re.compile(r"^ *Channels: (\d+)$", re.MULTILINE)


class SoundCard(NamedTuple):
    """A card as the kernel numbers it now. `usb` is empty where it is no USB device."""

    number: int
    name: str
    usb: str
    captures: bool
    channels: tuple[int, ...]
    """Of capture, as far as the kernel knows them: it does of USB cards."""
    plays: bool = False


def sound_cards(proc: Path = PROC) -> list[SoundCard]:
    """All cards, by number; none where there is no /proc/asound."""
    listed = _LINE.findall(_text(proc / "asound" / "cards"))
    return [_card(proc / "asound" / f"card{number}", int(number), name) for number, _, name in listed]


def _card(folder: Path, number: int, name: str) -> SoundCard:
    _, _, heard = _text(folder / "stream0").partition("\nCapture:")
    channels = sorted({int(count) for count in _COUNT.findall(heard)}, reverse=True)
    captures, plays = (any(folder.glob(f"pcm*{way}")) for way in "cp")
    called = name.partition(" - ")[2] or name
    return SoundCard(number, called, _text(folder / "usbid").strip(), captures, tuple(channels), plays)


def capture_state(proc: Path, number: int | None) -> str | None:
    """What the kernel says of a card's capture stream: `closed`, `RUNNING` ...; None where nobody can say."""
    if number is None:
        return None
    paths = sorted((proc / "asound" / f"card{number}").glob("pcm*c/sub*/status"))
    states = [_text(path).partition("\n")[0].removeprefix("state:").strip() for path in paths]
    opened = [state for state in states if state != "closed"]
    return next(iter(opened or states), None) or None


def wanted(card: Card, own: str, proc: Path = PROC) -> list[str]:
    """Parts of the names under which PortAudio may have the card that is meant, best first.

    `own` is the owner's setting, a USB id or part of a name, and overrules the profile's `card`. Cards are
    looked up anew at each call: a card that was plugged in again has another number.

    Raises:
        MicrophoneLost: a USB id of the owner's that no card has at the moment.
    """
    usb, parts = _wish(card, own)
    numbers = [found.number for found in sound_cards(proc) if usb and found.usb == usb]
    if numbers:
        return [f"(hw:{number}," for number in numbers]
    if not parts:
        raise MicrophoneLost(f"no sound card has the USB id {usb}")
    return list(parts)


def meant(card: Card, own: str, proc: Path = PROC) -> int | None:
    """The number that the kernel gives now to the card that is meant, if it has it and it captures."""
    usb, parts = _wish(card, own)
    there = [found for found in sound_cards(proc) if found.captures]
    fits = [found.number for found in there if usb and found.usb == usb]
    fits += [found.number for part in parts for found in there if part.casefold() in found.name.casefold()]
    return fits[0] if fits else None


def _wish(card: Card, own: str) -> tuple[str, tuple[str, ...]]:
    """The USB id and the parts of names to look for."""
    if not own:
        return card.usb, card.names
    return (own.lower(), ()) if _USB_ID.fullmatch(own.lower()) else ("", (own,))


def number_of(portaudio_name: str) -> int | None:
    """The number of the card behind one of PortAudio's names, if it says so."""
    found = _HARDWARE.search(portaudio_name)
    return int(found[1]) if found else None


def usb_of(proc: Path, number: int | None) -> str:
    """The USB id of a card; empty where it has none."""
    return _text(proc / "asound" / f"card{number}" / "usbid").strip()


def there(proc: Path, number: int) -> bool | None:
    """Whether a card is there; None where nobody can say."""
    folder = proc / "asound"
    return (folder / f"card{number}").exists() if folder.exists() else None


def check_own(own: str, key: str) -> None:
    """Raise BoardError for a setting `key` that can mean no sound card."""
    if own != own.strip() or not own.isprintable():
        raise BoardError(f"board.{key}: {own!r}; give a USB id such as 2886:0018, or part of a card's name")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
