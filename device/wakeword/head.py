"""The head of the second ear for one word: how much 16 embeddings sound like it.

A logistic regression, with a weight for each number of each embedding. A head names the network that it was
trained on by its SHA-256, and carries its thresholds for the three sensitivities. Pure: no file, no clock.
"""

import base64
from binascii import Error as Base64Error
from typing import Annotated, Literal, get_args

import msgspec
import numpy as np

from device.errors import ModelError
from device.wakeword.embedding import SIZE, Floats

Sensitivity = Literal["careful", "balanced", "eager"]
SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)

_LARGEST = 1e4  # far above any weight that was ever learnt, far below what overflows
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Probability = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a score must reach, for each sensitivity."""

    careful: Probability
    balanced: Probability
    eager: Probability

    def check(self, word: str) -> None:
        """Raises ModelError: a more careful setting would ask for less."""
        if not self.eager <= self.balanced <= self.careful:
            raise ModelError(f"head for {word}: thresholds must not fall from eager to careful; mend them")

    def at(self, sensitivity: Sensitivity) -> float:
        """Return the threshold that goes by this name."""
        return float(getattr(self, sensitivity))


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trained head, as it lies in its JSON file."""

    type: Literal["overheard second ear"]
    version: Literal[1]
    word: Annotated[str, msgspec.Meta(min_length=1)]
    embedding: Sha256
    """The network that it was trained on."""
    first_ear: Sha256
    """The first ear's model whose proposals it was trained on."""
    propose: Probability
    """The first ear proposes when the mean of its last two levels is above it."""
    embeddings: Annotated[int, msgspec.Meta(ge=1, le=16)]
    bias: float
    weights: str
    """Little-endian float32 in base64, `embeddings` times SIZE of them, oldest embedding first."""
    thresholds: Thresholds

    def row(self) -> Floats:
        """Return the weights, shape (embeddings * SIZE,). Raises ModelError: not so many, or not finite."""
        try:
            weights = np.frombuffer(base64.b64decode(self.weights, validate=True), "<f4").astype(np.float32)
        except (Base64Error, ValueError) as error:
            raise ModelError(f"head for {self.word}: its weights are not base64; restore the file") from error
        if len(weights) != self.embeddings * SIZE or not (np.abs(weights) < _LARGEST).all():
            raise ModelError(
                f"head for {self.word}: not {self.embeddings} x {SIZE} weights; restore the file"
            )
        return weights


def parse(document: bytes, where: object) -> Head:
    """Read a head. Raises ModelError, which begins with `where`: not a head, or not a whole one."""
    try:
        head = msgspec.json.decode(document, type=Head)
        head.row()
        head.thresholds.check(head.word)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{where}: {error}; give a head that train_verifier or enrol has made") from error
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from error
    return head


def encode_weights(weights: Floats) -> str:
    """Return weights as a head's file holds them."""
    return base64.b64encode(weights.astype("<f4").tobytes()).decode()
