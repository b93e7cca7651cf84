"""The real board on a desk: PyAudio, its children, and gpiozero's mock pins where hands would be."""

from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware import open_board
from hardware.board import Microphone
from hardware.errors import MicrophoneLost
from hardware.profiles import FOLDER
from tests.alsa.desk import Desk

BUTTON, MUTE = 17, 27  # as in the profile


def array_profile(folder: Path, channels: int, channel: int) -> Path:
    """A profile of a microphone array with so many channels, of which one is heard; the rest is generic."""
    text = (FOLDER / "generic-usb.toml").read_text(encoding="utf-8")
    microphone, loudspeaker = text.split("[loudspeaker]")
    microphone = microphone.replace("channels = [1, 2]", f"channels = [{channels}]")
    microphone = microphone.replace("channel = 0", f"channel = {channel}")
    profile = folder / "array.toml"
    profile.write_text(f"{microphone}[loudspeaker]{loudspeaker}", encoding="utf-8")
    return profile


def lost(microphone: Microphone) -> MicrophoneLost:
    """What `read` raises in the end."""
    for _ in range(100):
        try:
            microphone.read()
        except MicrophoneLost as error:
            return error
    raise AssertionError("it goes on hearing")


class Hands:
    """What hands do to the contacts of a panel on gpiozero's mock pins."""

    def __init__(self, pins: MockFactory) -> None:
        self._button, self._mute = pins.pin(BUTTON), pins.pin(MUTE)

    def press(self) -> None:
        """Press the button and hold it."""
        self._button.drive_low()

    def release(self) -> None:
        """Let go of the button."""
        self._button.drive_high()

    def mute_on(self) -> None:
        """Slide the switch to muted: its contact opens."""
        self._mute.drive_high()

    def mute_off(self) -> None:
        """Slide the switch to live."""
        self._mute.drive_low()


class PiOnADesk:
    """The board of `hardware.pi`, opened on a desk's cards, and hands on its contacts. It starts unmuted."""

    def __init__(self, desk: Desk, profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(desk.config))
        self._pins = MockFactory(revision="902120", pin_class=MockPWMPin)  # a Zero 2 W
        self.board = open_board(
            "pi",
            profile=str(profile),
            microphone=desk.microphone.name,
            loudspeaker=desk.loudspeaker.name,
            pin_factory=self._pins,
        )
        self.hands = Hands(self._pins)
        self.hands.mute_off()
        self.board.panel.edges.clear()

    def close(self) -> None:
        """Close the board and its pins."""
        self.board.close()
        self._pins.close()
