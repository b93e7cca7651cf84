"""What is wanted: words to an intent and its slots, by the templates in intents.yaml (hassil).

It never guesses: words that fit no template are the intent `none`. Of several readings the one that takes the
fewest letters as free text wins.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hassil import Intents, recognize_all
from hassil.recognize import RecognizeResult

TEMPLATES = Path(__file__).with_name("intents.yaml")
NONE = "none"
_LONGEST = 300
"""Letters: ten seconds of speech are fewer; matching free text against longer ones takes seconds."""


class Understood(NamedTuple):
    """An intent of intents.yaml or `none`, and its slots as text (numbers in digits)."""

    intent: str
    slots: dict[str, str]


class Sentences:
    """The templates, read once."""

    def __init__(self, path: Path = TEMPLATES) -> None:
        self.templates: Intents = Intents.from_files([path])

    def understand(self, text: str, *, typed: bool = False) -> Understood:
        """Read words. `typed`: they were written, not heard, so the looser templates count too."""
        if len(text) > _LONGEST:
            return Understood(NONE, {})
        context = {"typed": True} if typed else {}
        readings = recognize_all(text, self.templates, intent_context=context)
        best = min(readings, key=_guessed, default=None)
        if best is None:
            return Understood(NONE, {})
        return Understood(best.intent.name, {e.name: _text(e.value) for e in best.entities_list})


def _guessed(reading: RecognizeResult) -> tuple[int, int]:
    free = sum(len(entity.text) for entity in reading.entities_list if entity.is_wildcard)
    return free, -reading.text_chunks_matched


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
