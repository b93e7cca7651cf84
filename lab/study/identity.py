"""Which ears a study is made with, to be written down beside what they heard. It never hears with them."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from device.wakeword import Sensitivity, find, open_ears
from device.wakeword.verifier import HEADS, read_head, shipped_sha256


class Identity(NamedTuple):
    """What tells these ears from others."""

    words: tuple[str, ...]
    thresholds: dict[str, float]
    """Of the second ear, by word; a word without a head has none."""
    models: dict[str, str]
    """SHA-256 by name, of both ears: `alexa.tflite`, `alexa head`, `embedding`."""
    sensitivities: dict[str, dict[str, float]]
    """By word, the thresholds that there are, by their names."""


def identify(words: Sequence[str], sensitivity: Sensitivity, heads: Sequence[Path] = ()) -> Identity:
    """Return which ears hear these words at this sensitivity. Raises ModelError: none can."""
    found = [find(word) for word in dict.fromkeys(words)]
    thresholds = open_ears(words, sensitivity, heads=heads, patient=True).thresholds
    files = {word: HEADS / f"{word}.json" for word in thresholds}
    files |= {read_head(path).word: path for path in heads}
    models = {model.path.name: model.sha256 for model in found}
    models |= {f"{word} head": sha256(path.read_bytes()).hexdigest() for word, path in files.items()}
    if files:
        models["embedding"] = shipped_sha256()
    return Identity(
        tuple(dict.fromkeys(model.word for model in found)),
        thresholds,
        models,
        {word: msgspec.structs.asdict(read_head(path).thresholds) for word, path in files.items()},
    )
