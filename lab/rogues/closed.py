"""ROGUES that hear while they are muted (promise 2), or whom somebody far away can start (promise 3)."""

import json
from typing import Any

from device.envelope import Trigger
from device.orders import Order
from device.session import Event
from device.speaker import Speaker
from lab.rogues.rogue import Rogue, instead, scene


def soft_mute(speaker: Speaker) -> None:
    """ROGUE: the light says muted, and the microphone stays open and is read."""
    instead(speaker.parts.ear, "close", lambda _close: lambda: None)
    instead(speaker.parts.ear, "_see_closed", lambda _see: lambda: None)


def peeks_while_muted(speaker: Speaker) -> None:
    """ROGUE: while it is muted it hears one frame a second."""
    microphone, rests = speaker.parts.board.microphone, 0

    def resting(rest: Any) -> Any:
        def rested() -> int:
            nonlocal rests
            rests += 1
            if rests % 50 == 0 and not microphone.is_open:
                microphone.open()
                microphone.read()
                microphone.close()
            return int(rest())

        return rested

    instead(speaker.parts.ear, "rest", resting)


def _obeys(speaker: Speaker, word: str, do: Any) -> None:
    def taking(take: Any) -> Any:
        def taken(topic: str, payload: bytes, retained: bool) -> Order:
            if topic.endswith("/command") and _said(payload) == word:
                do()
            order: Order = take(topic, payload, retained)
            return order

        return taken

    instead(speaker.parts.line._orders, "take", taking)


def _said(payload: bytes) -> str:
    try:
        return str(json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "big")])["do"])
    except (ValueError, LookupError):
        return ""


def remote_unmute(speaker: Speaker) -> None:
    """ROGUE: a message unmutes it, also one that the broker retained."""
    _obeys(speaker, "unmute", lambda: speaker.happen(Event.MUTE_OFF))


def remote_start(speaker: Speaker) -> None:
    """ROGUE: a message makes it listen, and it calls that a tap."""

    def start() -> None:
        if speaker.parts.turn.prepare(Trigger("button_tap")):
            speaker.happen(Event.BUTTON_TAP)

    _obeys(speaker, "start", start)


ROGUES = (
    Rogue(
        "soft_mute", 2, "shows that it is muted, and reads its microphone on",
        "mute by software, without a switch in the microphone's supply: most speakers of 2019",
        scene("muted"), soft_mute,
    ),
    Rogue(
        "peeks_while_muted", 2, "hears one frame a second while it is muted",
        "polling a muted microphone: video conferencing clients (PETS 2022)", scene("muted"),
        peeks_while_muted,
    ),
    Rogue(
        "remote_unmute", 3, "lets a message unmute it, also a retained one",
        "microphones switched on from afar: smart TVs and speakers by their vendors' channels",
        scene("no_remote_ear"), remote_unmute,
    ),
    Rogue(
        "remote_start", 3, "lets a message make it listen, and calls it a tap",
        "Drop In and its like, without anybody's asking", scene("no_remote_ear"), remote_start,
    ),
)  # fmt: skip
