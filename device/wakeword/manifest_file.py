"""The manifests that a wake word model may come with: JSON files of two formats. Reads them, opens no model.

Both name the model's file and, beside it, its `sha256`: that key is ours, and without it a model by path
does not run.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from device.errors import ModelError

Text = Annotated[str, msgspec.Meta(min_length=1)]
Cutoff = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class _File(msgspec.Struct, frozen=True, tag_field="type"):
    wake_word: Text
    model: Text
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


class _Micro(msgspec.Struct, frozen=True):
    probability_cutoff: Cutoff
    sliding_window_size: Annotated[int, msgspec.Meta(ge=1, le=100)]
    feature_step_size: Literal[10]  # ms; the front end makes no other


class MicroFile(_File, frozen=True, kw_only=True, tag="micro"):
    """A microWakeWord manifest, version 2, as ESPHome defines it."""

    version: Literal[2]
    micro: _Micro

    @property
    def cutoff(self) -> float:
        """What the sliding mean must exceed."""
        return self.micro.probability_cutoff

    @property
    def window(self) -> int:
        """How many invocations the sliding mean takes."""
        return self.micro.sliding_window_size


class _Open(msgspec.Struct, frozen=True, forbid_unknown_fields=True):  # it decides when the speaker wakes
    probability_cutoff: Cutoff = 0.7  # what linux-voice-assistant takes when a manifest names none


class OpenFile(_File, frozen=True, kw_only=True, tag="openWakeWord"):
    """An openWakeWord manifest, as linux-voice-assistant defines it."""

    window: ClassVar[int] = 1
    """A score is that of one invocation."""
    open_wake_word: _Open = msgspec.field(name="openWakeWord", default=_Open())

    @property
    def cutoff(self) -> float:
        """What a score must exceed."""
        return self.open_wake_word.probability_cutoff


def read_manifest(path: Path, names: Collection[str]) -> MicroFile | OpenFile:
    """Read a manifest. Raises ModelError: not there (then it says which `names` need none), or not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=MicroFile | OpenFile)
    except FileNotFoundError as error:
        raise ModelError(
            f"wake word {path}: no such manifest; name one of {', '.join(names)}, "
            "or the path of a microWakeWord v2 or an openWakeWord manifest"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; make the manifest readable") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # ValidationError is a DecodeError
        raise ModelError(
            f"{path}: {error}; give a microWakeWord manifest, version 2, or an openWakeWord manifest"
        ) from error
