"""Heads for the second ear that agree with everything or with nothing: what comes of a wake is known."""

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from device.wakeword import find
from device.wakeword.embedding import SIZE
from device.wakeword.head import Head, Thresholds, encode_weights
from device.wakeword.verifier import shipped_sha256

BIAS = {"agrees": 3.0, "refuses": -3.0}
"""Every score is 0.953 with the one, 0.047 with the other."""


def head(folder: Path, says: Literal["agrees", "refuses"], word: str = "alexa") -> Path:
    """Write such a head into a folder; return its path."""
    made = Head(
        type="overheard second ear",
        version=1,
        word=word,
        embedding=shipped_sha256(),
        first_ear=find(word).sha256,
        propose=0.6,
        embeddings=16,
        bias=BIAS[says],
        weights=encode_weights(np.zeros(16 * SIZE, np.float32)),
        thresholds=Thresholds(careful=0.8, balanced=0.5, eager=0.2),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{says}-{word}.json"
    path.write_bytes(msgspec.json.encode(made))
    return path
