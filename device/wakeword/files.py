"""Reads model files, and none that is not the one that was meant.

A model decides when the speaker listens, so none runs that was not named by its SHA-256. Those of packages
are located without importing them: each brings a TFLite runtime of its own that does not live in one process
with ours. Never fetches anything.
"""

from hashlib import sha256 as hash_of
from importlib.util import find_spec
from pathlib import Path

from device.errors import ModelError


def models_of(package: str) -> Path | None:
    """Return the folder of a package's models, or None where the package is not installed."""
    spec = find_spec(package)  # a top-level name is looked up, not imported
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], "models")


def read_model(path: Path, sha256: str) -> bytes:
    """Return what the file holds. Raises ModelError: it can't be read, or its SHA-256 is another."""
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; put the model where its manifest says") from error
    found = hash_of(model).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{path}: its SHA-256 is {found}, not {sha256}; restore the model, or name the one you trust"
        )
    return model
