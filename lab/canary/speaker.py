"""The firmware in a process of its own, whole, on the real board; but its pins are gpiozero's, where a hand
has put the switch of the profile to live.

python -m lab.canary.speaker SETTINGS
"""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from gpiozero import Device

from device.__main__ import open_configured_board
from device.assemble import assemble
from device.config import load
from device.diary import Diary
from device.forgetful import begin_anew
from device.speaker import Speaker

MUTE_PIN = 27
"""Of the profile `generic-usb`."""


def run(settings: Path, corrupt: Callable[[Speaker], None] | None = None) -> None:
    """Run it until SIGTERM. `corrupt` makes a rogue of it first."""
    begin_anew()
    config = load(settings)
    board = open_configured_board(config)
    Device.pin_factory.pin(MUTE_PIN).drive_low()
    speaker = assemble(config, board, Diary(typer.echo))
    if corrupt is not None:
        corrupt(speaker)

    def stop(_signal: int, _frame: object) -> None:
        speaker.stopping = True

    signal.signal(signal.SIGTERM, stop)
    speaker.run()


if __name__ == "__main__":
    run(Path(sys.argv[1]))
