"""What a study knows: the files it heard, the wakes it found, and how it was made.

Plain frozen values, so that they can cross to another process and lie in a file. No audio is ever in them,
and nothing here reads or writes.
"""

import msgspec

AS_IT_IS = "as it is"
"""The condition of a file that is heard as it was recorded, without a room around it."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the results depend on. A study folder goes on only under equal settings."""

    words: tuple[str, ...]
    """Wake words, as the detector names them: `alexa`."""
    sensitivity: str
    thresholds: dict[str, float]
    """By word: the second ear's threshold at this sensitivity. A second score at or above it is accepted.
    Not of words that have one ear: their wakes stand."""
    models: dict[str, str]
    """SHA-256 by the name of a model, of both ears."""
    audio: str
    """The folder of audio: its absolute path."""
    rounds: int
    keep_clips: bool
    version: str
    """The version of overheard that heard the files."""
    conditions: tuple[str, ...] = (AS_IT_IS,)


class Item(msgspec.Struct, frozen=True):
    """One hearing of one file: the same file comes once a round and condition."""

    file: str
    """Its path under the folder of audio, with `/` between."""
    round: int
    """0 is the file as it is; in later ones start, gain and noise differ a little, by the round's seed."""
    condition: str
    seconds: float
    """How much audio was heard; of a broken file, what came before the damage."""
    words: int | None = None
    """How many words its transcript has; None without a transcript."""
    label: str | None = None
    """The wake word that it says, according to the manifest; anything else is a negative."""
    group: str = ""
    """What it is counted with in tables: the manifest's `group`, or the folder it lies in."""
    error: str | None = None
    """Why it could not be heard to its end: one line."""


class Heard(msgspec.Struct, frozen=True):
    """One wake that the first ear proposed, and what came of it."""

    file: str
    round: int
    condition: str
    word: str
    at_s: float
    """The trigger: where in the file the first ear was sure."""
    decided_s: float
    """Where the second ear had its say; the trigger itself where there is no second ear."""
    first: float
    """The first ear's score."""
    second: float | None
    """The second ear's best score within its 240 ms."""
    accepted: bool
    """Whether an utterance came of it at the study's sensitivity."""
    sent_s: float
    """How long that utterance was, from the trigger to its end; 0 when none was."""
    said: str | None
    """What was being said, according to a transcript."""
    positive: bool
    """The file says this word, so the wake is right; otherwise it is a false wake."""
    clip: str | None = None
    """Where what would have been sent was kept, relative to the folder of the study."""


class Study(msgspec.Struct, frozen=True):
    """A whole study. Both lists are sorted by condition, round and file, and wakes then by time."""

    settings: Settings
    items: tuple[Item, ...]
    heard: tuple[Heard, ...]
