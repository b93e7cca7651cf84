"""Firmware with a remote ear in it, for `test_no_remote_ear`: what its check must find. No speaker has it.

The variant is named by the environment. In each, a command that the cloud's true key signed does what no
command may do.
"""

import json
import os
import sys
from pathlib import Path

from device.envelope import Trigger
from device.orders import Order, Orders, Refused
from device.session import Event, Phase
from device.speaker import Speaker
from scripts.fuzz_device import run


class Rogue(Orders):
    """Does more than it may at a command with a word of its own, which the real Orders refuse."""

    def __init__(self, honest: Orders, speaker: Speaker, variant: str) -> None:
        self._honest = honest
        self._speaker = speaker
        self._variant = variant
        self._kept: list[bytes] = []

    def take(self, topic: str, payload: bytes, retained: bool) -> Order:
        order = self._honest.take(topic, payload, retained)
        word = _word(payload) if isinstance(order, Refused) and topic.endswith("/command") else ""
        if self._variant == "dies" and word == "listen":
            raise ZeroDivisionError("a part that nobody guarded")
        if self._variant == "obeys":
            self._kept.append(os.urandom(1 << 16))
            self._obey(word)
        return order

    def _obey(self, word: str) -> None:
        speaker, microphone = self._speaker, self._speaker.parts.board.microphone
        match word:
            case "listen":
                speaker.parts.turn.prepare(Trigger("button_tap"))
                speaker.happen(Event.BUTTON_TAP)
            case "unmute":
                speaker.happen(Event.MUTE_OFF)
            case "open" if speaker.phase is Phase.MUTED:
                microphone.open()
                microphone.read()
                microphone.close()
            case "volume_up":
                speaker.parts.board.loudspeaker.volume = 1.0


def _word(payload: bytes) -> str:
    try:
        return str(json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "big")])["do"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def corrupt(speaker: Speaker) -> None:
    """Put the rogue part in."""
    line = speaker.parts.line
    line._orders = Rogue(line._orders, speaker, os.environ["ROGUE"])


if __name__ == "__main__":
    run(Path(sys.argv[1]), corrupt)
