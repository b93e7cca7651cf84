"""Finds a wake word model and makes sure that it is the one that was meant.

A model decides when the speaker listens, so none runs that was not named by its SHA-256. The four models of
`pymicro-wakeword` are located without importing that package, which brings a TFLite runtime of its own that
does not live in one process with ours. Never fetches anything.
"""

from dataclasses import dataclass, field
from hashlib import sha256 as hash_of
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from device.errors import ModelError

_PACKAGE = "pymicro_wakeword"
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


class _Micro(msgspec.Struct, frozen=True):
    probability_cutoff: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    sliding_window_size: Annotated[int, msgspec.Meta(ge=1, le=100)]
    feature_step_size: Literal[10]  # ms; the front end makes no other


class _Document(msgspec.Struct, frozen=True):
    """A microWakeWord v2 manifest as ESPHome defines it, and our `sha256` beside `model`."""

    type: Literal["micro"]
    version: Literal[2]
    wake_word: Annotated[str, msgspec.Meta(min_length=1)]
    model: Annotated[str, msgspec.Meta(min_length=1)]
    micro: _Micro
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


def find(name_or_path: str | Path, sha256: str | None = None) -> Manifest:
    """Return the model that ships under this name, or the one that the manifest at this path describes.

    `sha256` (64 hex digits, lower case) outweighs the manifest's own; without either, only the names in
    `PACKAGED` are taken. Raises ModelError: nothing there, not a version 2 manifest, or another model.
    """
    if name_or_path in PACKAGED:
        path = _packaged(str(name_or_path))
        sha256 = sha256 or PACKAGED[str(name_or_path)]
    else:
        path = Path(name_or_path)
    document = _read(path)
    expected = sha256 or document.sha256
    if expected is None:
        raise ModelError(
            f"{path}: no SHA-256 for the model {document.model}; "
            'add "sha256" beside "model", with what sha256sum prints for a file you trust'
        )
    model_path = path.parent / document.model
    return Manifest(
        word=path.stem,
        phrase=document.wake_word,
        cutoff=document.micro.probability_cutoff,
        window=document.micro.sliding_window_size,
        model=_model(model_path, expected),
        sha256=expected,
        path=model_path,
    )


def _packaged(name: str) -> Path:
    spec = find_spec(_PACKAGE)  # a top-level name is looked up, not imported
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"wake word {name}: its package is not installed; pip install pymicro-wakeword")
    return Path(spec.submodule_search_locations[0], "models", f"{name}.json")


def _read(path: Path) -> _Document:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Document)
    except FileNotFoundError as error:
        raise ModelError(
            f"wake word {path}: no such manifest; name one of {', '.join(PACKAGED)}, "
            "or the path of a microWakeWord v2 manifest"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; make the manifest readable") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # ValidationError is a DecodeError
        raise ModelError(f"{path}: {error}; give a microWakeWord manifest, version 2") from error


def _model(path: Path, expected: str) -> bytes:
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; put the model beside its manifest") from error
    found = hash_of(model).hexdigest()
    if found != expected:
        raise ModelError(
            f"{path}: its SHA-256 is {found}, not {expected}; restore the model, or name the one you trust"
        )
    return model
