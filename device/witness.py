"""Telling whoever watches what happens: the laboratory's timeline, a tester's assertion, a log. A witness can
look and not touch, and is told no audio.
"""

from typing import Protocol

from device.outbox import Departure

KINDS = frozenset(
    {
        "ack", "answer", "certificate", "cover", "damaged", "dropped", "forbidden", "lights", "link",
        "microphone", "mute", "overrun", "phase", "protections", "publish", "refused", "rejected", "resealed",
        "score", "storage", "trigger", "unreachable", "utterance", "verified",
    }
)  # fmt: skip
"""Everything that a witness can be told."""


class Witness(Protocol):
    """Told of what happens at `sample`, as plain values."""

    def __call__(self, kind: str, sample: int, /, **fields: object) -> None:
        """Take note."""


class Tell(Protocol):
    """A witness that knows what time it is."""

    def __call__(self, kind: str, /, **fields: object) -> None:
        """Take note."""


def nobody(kind: str, /, **fields: object) -> None:
    """Tell nobody."""


def tell_departure(tell: Tell, departure: Departure) -> None:
    """Tell of a message that leaves."""
    if tell is nobody:
        return
    row = departure.row
    tell("publish", row=row.index, topic=row.topic, bytes=row.bytes, what=row.kind, cause=row.cause)
