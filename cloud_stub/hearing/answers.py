"""What is answered: an intent and its slots to words and actions.

It never pretends: what the cloud stub cannot do, it says. It reads no clock; the time comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

LOUD, SOFT = 0.8, 0.3
"""Where "louder" and "quieter" go: the cloud is never told how loud the speaker is."""

Action = dict[str, Any]


class Reply(NamedTuple):
    """What to say and what the speaker is asked to do."""

    text: str
    actions: list[Action]


def reply(heard: str, intent: str, slots: dict[str, str], now: datetime) -> Reply:
    """Answer an intent of intents.yaml, or `none`.

    Actions: {"do": "volume", "to": 0..1}, {"do": "timer", "after_s": seconds > 0}, {"do": "stop"}, which ends
    timers too. A linked musician is the slot `artist_link`.
    """
    if intent in _FIXED:
        text, actions = _FIXED[intent]
        return Reply(text, [dict(action) for action in actions])
    if intent in _MADE:
        return _MADE[intent](slots, now)
    if heard:
        return Reply(f"I heard: {heard}. I have no answer to that.", [])
    return Reply("I did not hear any words.", [])


_STOP: Action = {"do": "stop"}

_FIXED: dict[str, tuple[str, list[Action]]] = {
    "cancel_timer": ("All timers are cancelled.", [_STOP]),
    "stop": ("Stopped. Timers too.", [_STOP]),
    "volume_up": (f"Louder: volume {LOUD:.0%}.", [{"do": "volume", "to": LOUD}]),
    "volume_down": (f"Quieter: volume {SOFT:.0%}.", [{"do": "volume", "to": SOFT}]),
    "weather": ("I have no weather service. This is a canned answer: mild, with a chance of rain.", []),
    "delete_last": ("I am deleting what you said.", []),
    "help": (
        "You can ask for the time, the date, a timer, the volume or music by a musician, or say: "
        "delete what I just said.",
        [],
    ),
}


def _time(_slots: dict[str, str], now: datetime) -> Reply:
    return Reply(f"It is {now.hour % 12 or 12}:{now.minute:02d} {'AM' if now.hour < 12 else 'PM'}.", [])


def _date(_slots: dict[str, str], now: datetime) -> Reply:
    return Reply(f"Today is {now:%A}, {now.day} {now:%B} {now.year}.", [])


def _timer(slots: dict[str, str], _now: datetime) -> Reply:
    spans = {unit: int(slots.get(unit, 0)) for unit in ("hours", "minutes", "seconds")}
    said = " and ".join(f"{n} {unit if n != 1 else unit[:-1]}" for unit, n in spans.items() if n)
    after_s = spans["hours"] * 3600 + spans["minutes"] * 60 + spans["seconds"]
    return Reply(f"Timer set for {said}.", [{"do": "timer", "after_s": after_s}])


def _volume(slots: dict[str, str], _now: datetime) -> Reply:
    percent = int(slots["percent"])
    return Reply(f"Volume {percent}%.", [{"do": "volume", "to": percent / 100}])


def _music(slots: dict[str, str], _now: datetime) -> Reply:
    words, name = slots.get("artist"), slots.get("artist_link")
    if name:
        return Reply(f"That is {name}. I have no music to play, so here it would start.", [])
    if words:
        return Reply(f"I know no musician called {words}.", [])
    return Reply("I have no music to play.", [])


_MADE: dict[str, Callable[[dict[str, str], datetime], Reply]] = {
    "time": _time,
    "date": _date,
    "set_timer": _timer,
    "volume_set": _volume,
    "play_music": _music,
}
