"""The phases of the speaker, and the one table that says how it moves between them.

Rule 1: everything that decides a transition lives in `TRANSITIONS`, and nowhere else.
Rule 2: this file knows no audio, no clock, no network; it will never hold a sample.

Theory of operation. Something happens (an `Event`), and the table gives the next phase and
the actions to perform, in order. An event without a row changes nothing: a device outlives late
events, such as a reply that arrives after mute. Three properties can be read off the table, and
tests/device/test_session.py reads them:

* audio is captured only in *verifying* and *listening*, and every way into these is a trigger;
* mute wins in every phase, and only a hand on the device leaves *muted*;
* no event that the network can cause leads to capture or out of *muted*.

A wake word is a proposal until the second ear agrees. In *idle* it begins a capture, so that no word is lost;
what is captured is held until then, and given up for a hand or for a word that needs no second ear. While an
answer is awaited or played nothing is given up for a proposal:
there the wake word counts once it is verified, as a barge-in.

Deadlines are events too: whoever counts samples raises them (`endpoint`, `speaker`).
"""

from enum import Enum
from typing import NamedTuple


class Phase(Enum):
    """What a person in the room would say that the speaker is doing."""

    IDLE = "idle"
    VERIFYING = "verifying"
    LISTENING = "listening"
    PROCESSING = "processing"
    RESPONDING = "responding"
    MUTED = "muted"


class Event(Enum):
    """What can happen to a speaker; the value is the word used in logs."""

    WAKE_WORD = "wake word"
    BARGE_IN = "barge-in"
    VERIFIED = "verified"
    REJECTED = "rejected"
    BUTTON_TAP = "button tap"
    BUTTON_HOLD = "button hold"
    BUTTON_RELEASED = "button released"
    STOP_WORD = "stop word"
    SILENCE = "silence"
    NO_SPEECH = "no speech"
    MAX_DURATION = "max duration"
    MIC_LOST = "microphone lost"
    OVERRUN = "overrun"
    NO_ROOM = "no room"
    SHUT_DOWN = "shut down"
    MUTE_ON = "mute on"
    MUTE_OFF = "mute off"
    RESPONSE = "response"
    NO_RESPONSE = "no response"
    RESPONSE_OVER = "response over"
    REMOTE_STOP = "remote stop"
    REMOTE_MUTE = "remote mute"


class Action(Enum):
    """What the speaker does on a transition; the value is the word used in the diagram."""

    START = "start capture"
    RELEASE = "let it leave"
    END = "end utterance"
    DROP = "drop utterance"
    PLAY = "play response"
    HUSH = "stop playing"
    CLOSE = "close microphone"
    OPEN = "open microphone"


class Step(NamedTuple):
    """Where an event leads, and what to do on the way."""

    phase: Phase
    actions: tuple[Action, ...] = ()


def _to(phase: Phase, *actions: Action) -> Step:
    return Step(phase, actions)


TRIGGERS = frozenset({Event.WAKE_WORD, Event.BARGE_IN, Event.BUTTON_TAP, Event.BUTTON_HOLD})
"""The events that may start a capture."""

REMOTE = frozenset({Event.RESPONSE, Event.REMOTE_STOP, Event.REMOTE_MUTE})
"""The events that a message from the network may cause; all others need the room or a hand."""

CAPTURING = frozenset({Phase.VERIFYING, Phase.LISTENING})
"""The phases in which audio is kept."""

END_REASONS: dict[Event, str] = {
    Event.SILENCE: "silence",
    Event.NO_SPEECH: "no_speech",
    Event.MAX_DURATION: "max_duration",
    Event.BUTTON_RELEASED: "released",
    Event.BUTTON_TAP: "cancelled",
    Event.STOP_WORD: "cancelled",
    Event.REMOTE_STOP: "cancelled",
    Event.SHUT_DOWN: "cancelled",
    Event.MUTE_ON: "muted",
    Event.REMOTE_MUTE: "muted",
    Event.MIC_LOST: "mic_lost",
    Event.NO_ROOM: "error",
}
"""The end reason that an event gives to the utterance it ends."""

TRANSITIONS: dict[Phase, dict[Event, Step]] = {
    Phase.IDLE: {
        Event.WAKE_WORD: _to(Phase.VERIFYING, Action.START),
        Event.BUTTON_TAP: _to(Phase.LISTENING, Action.START, Action.RELEASE),
        Event.BUTTON_HOLD: _to(Phase.LISTENING, Action.START, Action.RELEASE),
        Event.MUTE_ON: _to(Phase.MUTED, Action.CLOSE),
        Event.REMOTE_MUTE: _to(Phase.MUTED, Action.CLOSE),
    },
    Phase.VERIFYING: {
        Event.VERIFIED: _to(Phase.LISTENING, Action.RELEASE),
        Event.REJECTED: _to(Phase.IDLE, Action.DROP),
        Event.MAX_DURATION: _to(Phase.IDLE, Action.DROP),
        Event.BARGE_IN: _to(Phase.LISTENING, Action.DROP, Action.START, Action.RELEASE),
        Event.BUTTON_TAP: _to(Phase.LISTENING, Action.DROP, Action.START, Action.RELEASE),
        Event.BUTTON_HOLD: _to(Phase.LISTENING, Action.DROP, Action.START, Action.RELEASE),
        Event.REMOTE_STOP: _to(Phase.IDLE, Action.DROP),
        Event.SHUT_DOWN: _to(Phase.IDLE, Action.DROP),
        Event.MIC_LOST: _to(Phase.IDLE, Action.DROP),
        Event.OVERRUN: _to(Phase.IDLE, Action.DROP),  # the second ear cannot judge what has a hole
        Event.NO_ROOM: _to(Phase.IDLE, Action.DROP),
        Event.MUTE_ON: _to(Phase.MUTED, Action.DROP, Action.CLOSE),
        Event.REMOTE_MUTE: _to(Phase.MUTED, Action.DROP, Action.CLOSE),
    },
    Phase.LISTENING: {
        Event.SILENCE: _to(Phase.PROCESSING, Action.END),
        Event.MAX_DURATION: _to(Phase.PROCESSING, Action.END),
        Event.BUTTON_RELEASED: _to(Phase.PROCESSING, Action.END),
        Event.NO_SPEECH: _to(Phase.IDLE, Action.END),
        Event.BUTTON_TAP: _to(Phase.IDLE, Action.END),
        Event.STOP_WORD: _to(Phase.IDLE, Action.END),
        Event.REMOTE_STOP: _to(Phase.IDLE, Action.END),
        Event.SHUT_DOWN: _to(Phase.IDLE, Action.END),
        Event.MIC_LOST: _to(Phase.IDLE, Action.END),
        Event.NO_ROOM: _to(Phase.IDLE, Action.END),
        Event.MUTE_ON: _to(Phase.MUTED, Action.END, Action.CLOSE),
        Event.REMOTE_MUTE: _to(Phase.MUTED, Action.END, Action.CLOSE),
    },
    Phase.PROCESSING: {
        Event.RESPONSE: _to(Phase.RESPONDING, Action.PLAY),
        Event.NO_RESPONSE: _to(Phase.IDLE),
        Event.BARGE_IN: _to(Phase.LISTENING, Action.START, Action.RELEASE),
        Event.BUTTON_HOLD: _to(Phase.LISTENING, Action.START, Action.RELEASE),
        Event.BUTTON_TAP: _to(Phase.IDLE),
        Event.STOP_WORD: _to(Phase.IDLE),
        Event.REMOTE_STOP: _to(Phase.IDLE),
        Event.MUTE_ON: _to(Phase.MUTED, Action.CLOSE),
        Event.REMOTE_MUTE: _to(Phase.MUTED, Action.CLOSE),
    },
    Phase.RESPONDING: {
        Event.RESPONSE_OVER: _to(Phase.IDLE),
        Event.BARGE_IN: _to(Phase.LISTENING, Action.HUSH, Action.START, Action.RELEASE),
        Event.BUTTON_HOLD: _to(Phase.LISTENING, Action.HUSH, Action.START, Action.RELEASE),
        Event.BUTTON_TAP: _to(Phase.IDLE, Action.HUSH),
        Event.STOP_WORD: _to(Phase.IDLE, Action.HUSH),
        Event.REMOTE_STOP: _to(Phase.IDLE, Action.HUSH),
        Event.SHUT_DOWN: _to(Phase.IDLE, Action.HUSH),
        Event.MUTE_ON: _to(Phase.MUTED, Action.HUSH, Action.CLOSE),
        Event.REMOTE_MUTE: _to(Phase.MUTED, Action.HUSH, Action.CLOSE),
    },
    Phase.MUTED: {
        Event.MUTE_OFF: _to(Phase.IDLE, Action.OPEN),
    },
}


def step(phase: Phase, event: Event) -> Step:
    """Return where `event` leads from `phase`; an event without a row changes nothing."""
    return TRANSITIONS[phase].get(event, Step(phase))


def diagram() -> str:
    """Return the table as a Mermaid state diagram, the one shown in docs/architecture.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.IDLE.value}", f"    [*] --> {Phase.MUTED.value}"]
    for phase, rows in TRANSITIONS.items():
        by_step: dict[Step, list[str]] = {}
        for event, target in rows.items():
            by_step.setdefault(target, []).append(event.value)
        for target, events in by_step.items():
            does = f" / {', '.join(a.value for a in target.actions)}" if target.actions else ""
            lines.append(f"    {phase.value} --> {target.phase.value}: {', '.join(events)}{does}")
    return "\n".join(lines) + "\n"
