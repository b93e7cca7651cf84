"""Finds a wake word model and makes sure that it is the one that was meant.

Four models ship in `pymicro-wakeword` and are asked for by name; every other comes with a manifest. Reads
files; opens no model and never fetches one.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from device.errors import ModelError
from device.wakeword.files import models_of, read_model
from device.wakeword.manifest_file import MicroFile, read_manifest

PACKAGED = {
    "alexa": "9011a8155b04de858c48038529235cbc0e42e9fca05a55bf588cb80a653a723b",
    "hey_jarvis": "21a7976add39ee24ec96c63d96b7aaa18e24d1d9824b963e451da8feb4b78b77",
    "hey_mycroft": "c2a9b6ed51182db72e014781d5a4ece1929dc232a40b5b4be384f0295f0e1571",
    "okay_nabu": "d89128c4d16a72de429119fb2254ce46649553c2a24f5dd840175c80d7b9d094",
}
"""The models that can be asked for by name, and the SHA-256 of each file (pymicro-wakeword 2.5.0)."""


@dataclass(frozen=True)
class Manifest:
    """A wake word model, checked: `model` holds the very bytes that hash to `sha256`."""

    word: str
    """The name of the manifest's file: `alexa`. Thresholds, wakes and scores go by it."""
    phrase: str
    """What people say: "Alexa"."""
    cutoff: float
    """The threshold its makers advise: a wake is a sliding mean above it."""
    window: int
    """How many invocations the sliding mean takes."""
    model: bytes = field(repr=False)
    sha256: str
    path: Path
    """Where the model was read; it is not read again."""
    format: Literal["microWakeWord", "openWakeWord"] = "microWakeWord"


def find(name_or_path: str | Path, sha256: str | None = None) -> Manifest:
    """Return the model that ships under this name, or the one that the manifest at this path describes.

    `sha256` (64 hex digits, lower case) outweighs the manifest's own; without either, only the names in
    `PACKAGED` are taken. Raises ModelError: nothing there, not a manifest of either format, or another model.
    """
    if name_or_path in PACKAGED:
        path = _packaged(str(name_or_path))
        sha256 = sha256 or PACKAGED[str(name_or_path)]
    else:
        path = Path(name_or_path)
    file = read_manifest(path, PACKAGED)
    expected = sha256 or file.sha256
    if expected is None:
        raise ModelError(
            f"{path}: no SHA-256 for the model {file.model}; "
            'add "sha256" beside "model", with what sha256sum prints for a file you trust'
        )
    model_path = path.parent / file.model
    return Manifest(
        word=path.stem,
        phrase=file.wake_word,
        cutoff=file.cutoff,
        window=file.window,
        model=read_model(model_path, expected),
        sha256=expected,
        path=model_path,
        format="microWakeWord" if isinstance(file, MicroFile) else "openWakeWord",
    )


def _packaged(name: str) -> Path:
    folder = models_of("pymicro_wakeword")
    if folder is None:
        raise ModelError(f"wake word {name}: its package is not installed; pip install pymicro-wakeword")
    return folder / f"{name}.json"
