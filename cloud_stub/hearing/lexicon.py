"""How words sound: the pronouncing dictionary (CMUdict) that comes with the recogniser's model.

It never guesses the sound of a word that it does not know: `phones` answers None, and whoever asks leaves
the word out and counts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pocketsphinx import get_model_path

DICTIONARY = "en-us/cmudict-en-us.dict"


class Lexicon:
    """Words and their phones (ARPABET without stress), the first pronunciation of each."""

    def __init__(self, path: Path | None = None) -> None:
        """Read a dictionary of lines `word PH ON ES`; None means that of the recogniser's model."""
        self._lines: dict[str, str] = {}
        with (path or Path(get_model_path(DICTIONARY))).open(encoding="utf-8") as lines:
            for line in lines:
                word, _, phones = line.partition(" ")
                self._lines[word] = phones

    def __contains__(self, word: object) -> bool:
        return word in self._lines

    def phones(self, words: Iterable[str]) -> tuple[str, ...] | None:
        """The phones of these words in a row; None when one of them is unknown."""
        sounds: list[str] = []
        for word in words:
            line = self._lines.get(word)
            if line is None:
                return None
            sounds += line.split()
        return tuple(sounds)
