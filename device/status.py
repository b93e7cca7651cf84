"""What a device says of itself in the clear, retained: whether it is there, and, if its owner wants a home's
automation to know, how it is. Pure; it never says what was heard.
"""

from typing import Annotated, Literal

import msgspec
import rfc8785

from hardware.errors import Fault

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Microphone = Literal["open", "closed", "lost"]
KnownFault = Fault | Literal[""]

NOT_TOLD = "not_told"
"""Stands for every phase but *muted* where utterances are padded or covered, which a phase would undo."""


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whether the device is there. `lost` is its last will, which does not know the ledger's size."""

    v: Literal[1]
    device: str
    boot: str
    state: Literal["online", "offline", "lost"]
    ledger: Count | None = None


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the device is: `muted` by switch or from afar; `waiting` utterances have no acknowledgement yet;
    `fault` is what is wrong with its microphone as far as is known, or empty.
    """

    v: Literal[1]
    device: str
    boot: str
    phase: str
    muted: bool
    microphone: Microphone
    fault: KnownFault
    waiting: Count


def to_bytes(said: Status | State) -> bytes:
    """RFC 8785 canonical JSON."""
    return rfc8785.dumps(msgspec.to_builtins(said))
