"""ROGUES that listen unseen, or without end (promise 7)."""

from typing import Any

from device.envelope import Trigger
from device.session import Event
from device.speaker import Speaker
from hardware.board import Frame
from lab.rogues.rogue import Rogue, instead, scene


def listens_in_the_dark(speaker: Speaker) -> None:
    """ROGUE: the light stays as it is when it listens."""

    def showing(show: Any) -> Any:
        def shown(cue: str, sample: int) -> None:
            show("idle" if cue in ("verifying", "listening") else cue, sample)

        return shown

    instead(speaker.parts.board.panel, "show", showing)


def light_goes_out_early(speaker: Speaker) -> None:
    """ROGUE: a second after it began to listen, the light says that it does not."""

    def hearing(hear: Any) -> Any:
        def heard(frame: Frame) -> Any:
            since = speaker.parts.turn.capturing_since
            if since is not None and since + 16_000 <= frame.index < since + 16_320:
                speaker.parts.board.panel.show("idle", frame.index)
            return hear(frame)

        return heard

    instead(speaker, "_turn_hear", hearing)


def never_ends(speaker: Speaker) -> None:
    """ROGUE: once begun, it listens for ever."""

    def starting(start: Any) -> Any:
        def started(trigger: Trigger, first: int, keys: object) -> Any:
            capture = start(trigger, first, keys)
            instead(capture._endpoint, "hear", lambda _hear: _nothing)
            return capture

        return started

    instead(speaker.parts.turn._recorder, "start", starting)


def _nothing(_speech: bool, _samples: int) -> Event | None:
    return None


ROGUES = (
    Rogue(
        "listens_in_the_dark", 7, "shows no light while it listens",
        "the light is software: Sonos, Echo and their researchers (2019)", scene("press"),
        listens_in_the_dark,
    ),
    Rogue(
        "light_goes_out_early", 7, "shows that it is over while it still listens",
        "the same, halfway", scene("press"), light_goes_out_early,
    ),
    Rogue(
        "never_ends", 7, "listens on until somebody pulls the plug",
        "a conversation recorded whole and sent to an acquaintance (Echo, Portland 2018)",
        scene("endless"), never_ends,
    ),
)  # fmt: skip
