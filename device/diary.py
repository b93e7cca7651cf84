"""What a person at the terminal is told while the firmware runs: that it woke, kept, sent and was answered;
no words.
"""

from collections.abc import Callable

from hardware.board import RATE_HZ

Fields = dict[str, object]


def _trigger(fields: Fields) -> str:
    word, score = fields.get("word"), fields.get("score")
    return (
        f'woke to "{word}", score {score:.2f}' if word else f"woken by {fields['trigger']}".replace("_", " ")
    )


def _utterance(fields: Fields) -> str:
    samples = fields["samples"]
    seconds = samples / RATE_HZ if isinstance(samples, int) else 0.0
    return f"kept {seconds:.2f} s, ended by {fields['reason']}".replace("_", " ")


_LINES: dict[str, Callable[[Fields], str]] = {
    "link": lambda f: (
        "connected, and the cloud is there" if f["up"] else "no broker or no cloud: keeping it sealed"
    ),
    "trigger": _trigger,
    "verified": lambda f: f"the second ear agrees, score {f['second_score']:.2f}",
    "rejected": lambda f: (
        f'no "{f["word"]}" after all, scores {f["first_score"]:.2f} and {f["second_score"]:.2f}: nothing kept'
    ),
    "utterance": _utterance,
    "ack": lambda f: f"the cloud says: {f['state']}",
    "answer": lambda f: f"answered ({f['intent']})",
    "mute": lambda f: "muted: the microphone is closed" if f["on"] else "unmuted",
    "refused": lambda f: {
        "no_key": "refused: no valid key of the cloud to seal to, so nothing was kept",
        "no_microphone": "refused: there is no microphone",
        "muted": "refused: muted",
    }.get(str(f["why"]), f"dropped: {f['why']}"),
}


class Diary:
    """A witness that writes one line an event."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, kind: str, sample: int, /, **fields: object) -> None:
        """Write a line, if a person would care."""
        line = _LINES.get(kind)
        if line is not None:
            self._write(f"{sample / RATE_HZ:10.2f} s  {line(fields)}")
