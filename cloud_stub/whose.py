"""Which utterance is meant: of which device, and which of its utterances. Neither says it alone."""

from typing import NamedTuple


class Whose(NamedTuple):
    """Of which device a message is, and of which of its utterances: two devices may use the same id."""

    device: str
    utterance: str

    def __str__(self) -> str:
        return f"{self.utterance} of {self.device}"
