"""What a person at the terminal is told while the firmware runs: that it woke, kept, sent and was answered;
no words.
"""

from collections.abc import Callable
from typing import cast

from hardware.board import RATE_HZ

Fields = dict[str, object]

_MINUTE_SAMPLES = 60 * RATE_HZ


def _trigger(fields: Fields) -> str:
    word, score = fields.get("word"), fields.get("score")
    return (
        f'woke to "{word}", score {score:.2f}' if word else f"woken by {fields['trigger']}".replace("_", " ")
    )


def _seconds(samples: object) -> float:
    return samples / RATE_HZ if isinstance(samples, int) else 0.0


def _utterance(fields: Fields) -> str:
    return f"kept {_seconds(fields['samples']):.2f} s, ended by {fields['reason']}".replace("_", " ")


def _protections(fields: Fields) -> str:
    missing = fields["missing"]
    listed = ", ".join(missing) if isinstance(missing, tuple) else ""
    return f"NOT protected by: {listed}; see docs/units.md" if listed else "every protection is in force"


_LINES: dict[str, Callable[[Fields], str]] = {
    "link": lambda f: (
        "connected, and the cloud is there" if f["up"] else "no broker or no cloud: keeping it sealed"
    ),
    "unreachable": lambda f: f"no connection: {f['why']}",
    "forbidden": lambda f: (
        f"the broker refuses {f['topic']}: {f['why']}; see that its access rules let this device say that"
    ),
    "certificate": lambda f: {
        "kept": "a new certificate: the next connection is made with it",
        "waiting": "the next certificate waits for approval",
        "refused": "the cloud refuses the next certificate: ask whoever runs it",
        "not_ours": "a certificate came that is not for this device: not kept",
    }[str(f["outcome"])],
    "trigger": _trigger,
    "verified": lambda f: f"the second ear agrees, score {f['second_score']:.2f}",
    "protections": _protections,
    "rejected": lambda f: (
        f'no "{f["word"]}" after all, scores {f["first_score"]:.2f} and {f["second_score"]:.2f}: nothing kept'
    ),
    "utterance": _utterance,
    "cover": lambda f: f"cover: {f['segments']} segments that hold no sound",
    "ack": lambda f: f"the cloud says: {f['state']}",
    "answer": lambda f: f"answered ({f['intent']})",
    "dropped": lambda f: (
        "an utterance was dropped unsent: "
        + ("too old" if f["why"] == "outbox_age" else "the outbox is full and it was the oldest")
    ),
    "resealed": lambda _: "what waited too long is sealed anew, to the cloud's present key",
    "damaged": lambda f: str(f["what"]),
    "storage": lambda f: f"the disk refuses: {f['why']}" if f["why"] else "the disk takes rows again",
    "lights": lambda f: str(f["why"] or "the panel's lights and mute circuit work again"),
    "microphone": lambda f: (
        f"the microphone is well again, tried {f['tries']} times"
        if f["fault"] == "well"
        else f"the microphone fails ({f['fault']}): {f['why']}"
    ),
    "mute": lambda f: "muted: the microphone is closed" if f["on"] else "unmuted",
    "overrun": lambda f: (
        f"{_seconds(f['samples']):.3f} s of the room were lost: this machine was too slow,"
        f" {f['overruns']} times so far"
    ),
    "refused": lambda f: {
        "no_key": "refused: no valid key of the cloud to seal to, so nothing was kept",
        "no_microphone": "refused: there is no microphone",
        "muted": "refused: muted",
        "storage": "refused: the disk has no room to write it down, so nothing was kept",
    }.get(str(f["why"]), f"dropped: {f['why']}"),
}


class Diary:
    """A witness that writes one line an event; of losses one a minute at most, as they may come by the
    hundred.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lost = 0  # since the last line that said so
        self._next_loss = 0

    def __call__(self, kind: str, sample: int, /, **fields: object) -> None:
        """Write a line, if a person would care."""
        if kind == "overrun":
            self._lost += cast("int", fields["samples"])
            if sample < self._next_loss:
                return
            fields["samples"], self._lost = self._lost, 0
            self._next_loss = sample + _MINUTE_SAMPLES
        line = _LINES.get(kind)
        if line is not None:
            self._write(f"{sample / RATE_HZ:10.2f} s  {line(fields)}")
