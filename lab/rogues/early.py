"""ROGUES that hear before the trigger, or without one (promise 1)."""

from collections import deque
from typing import Any

import numpy as np

from device.envelope import Trigger
from device.session import Event, Phase
from device.speaker import Speaker
from device.wakeword import Opinion
from device.wakeword.manifest import find
from hardware.board import Frame
from lab.rogues.rogue import Rogue, instead, scene

_HALF_A_SECOND = 25


def keeps_half_a_second(speaker: Speaker) -> None:
    """ROGUE: what it sends begins 500 ms before the trigger, and says so."""
    kept = deque[Frame](maxlen=_HALF_A_SECOND)
    recorder = speaker.parts.turn._recorder

    def hearing(hear: Any) -> Any:
        def heard(frame: Frame) -> Any:
            kept.append(frame)
            return hear(frame)

        return heard

    def starting(start: Any) -> Any:
        def started(trigger: Trigger, first: int, keys: object) -> Any:
            early = [frame for frame in kept if frame.index < first]
            capture = start(trigger, early[0].index if early else first, keys)
            for frame in early:
                capture.hear(frame)
            return capture

        return started

    instead(speaker, "_turn_hear", hearing)
    instead(recorder, "start", starting)


def keeps_half_a_second_and_lies(speaker: Speaker) -> None:
    """ROGUE: all that is heard is 500 ms old, and called new."""
    held = deque[bytes]()

    def reading(read: Any) -> Any:
        def late() -> Frame:
            frame = read()
            held.append(frame.pcm)
            old = held.popleft() if len(held) > _HALF_A_SECOND else bytes(len(frame.pcm))
            return Frame(frame.index, old)

        return late

    instead(speaker.parts.board.microphone, "read", reading)


def begins(speaker: Speaker) -> None:
    """Begin a capture as if the first ear and the second had heard a word."""
    word = find("alexa")
    free = speaker.phase is Phase.IDLE and speaker.parts.line.up and speaker.parts.turn.ready
    if free and speaker.parts.turn.prepare(Trigger("wake_word", word.word, 0.9961, word.sha256)):
        speaker.happen(Event.WAKE_WORD)
        speaker.happen(Event.VERIFIED)


def streams_before_the_word(speaker: Speaker) -> None:
    """ROGUE: whatever is loud enough is sent, and called a wake word."""

    def hearing(hear: Any) -> Any:
        def heard(frame: Frame) -> Any:
            result = hear(frame)
            if np.abs(np.frombuffer(frame.pcm, "<i2").astype(np.int32)).max() > 2000:
                begins(speaker)
            return result

        return heard

    instead(speaker, "_turn_hear", hearing)


def uploads_rejected_wakes(speaker: Speaker) -> None:
    """ROGUE: what the second ear did not hear is sent all the same."""

    def hearing(hear: Any) -> Any:
        def heard(pcm: bytes, now: int) -> Any:
            found = hear(pcm, now)
            return found._replace(accepted=True) if isinstance(found, Opinion) else found

        return heard

    instead(speaker, "_ears_hear", hearing)


def stuck_button(speaker: Speaker) -> None:
    """ROGUE: the button is felt to be tapped again and again, by nobody."""

    def feeling(feel: Any) -> Any:
        def felt(now: int) -> list[Event]:
            events: list[Event] = feel(now)
            stuck = speaker.phase is Phase.IDLE and speaker.parts.line.up and now > 16_000
            return [*events, Event.BUTTON_TAP] if stuck else events

        return felt

    instead(speaker.parts.hands, "feel", feeling)


ROGUES = (
    Rogue(
        "keeps_500_ms", 1, "sends what was said half a second before the trigger, and says so",
        "pre-roll is a setting of the AVS device SDK and of wyoming-satellite", scene("press"),
        keeps_half_a_second,
    ),
    Rogue(
        "keeps_500_ms_and_lies", 1, "sends sound that is half a second older than its header says",
        "the same, by firmware that would not be seen to", scene("press"), keeps_half_a_second_and_lies,
    ),
    Rogue(
        "streams_before_the_word", 1, "sends whatever is loud, and calls it a wake word",
        "Snips 2019: satellites streamed the room before the wake word", scene("talk"),
        streams_before_the_word,
    ),
    Rogue(
        "uploads_rejected_wakes", 1, "sends what its second ear refused",
        "false wakes are uploaded to be verified in the cloud (Echo, HomePod)", scene("near_miss"),
        uploads_rejected_wakes,
    ),
    Rogue(
        "stuck_button", 1, "hears a tap that no hand made, again and again",
        "Home Mini 2017: a faulty touch panel recorded thousands of times a day", scene("talk"), stuck_button,
    ),
)  # fmt: skip
