"""What the uplink's thread reports to the loop. Plain values; they hold no connection."""

from enum import Enum
from typing import NamedTuple

from device.errors import DeviceError


class Kind(Enum):
    """What the uplink has to report."""

    UP = "up"
    DOWN = "down"
    SENT = "sent"
    ARRIVED = "arrived"
    FAULT = "fault"


class News(NamedTuple):
    """One report. `seq` is the outbox's, of a message that was SENT; None if that was not a kept one."""

    kind: Kind
    seq: int | None = None
    topic: str = ""
    payload: bytes = b""
    retained: bool = False
    fault: DeviceError | None = None
