"""Where segments and ends wait for a begin that comes later. It never holds more than its bounds.

What waits is not signed, and anybody may have sent it: so every device has a share of its own.
"""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from cloud_stub.whose import Whose

MESSAGES = 512
"""Of one utterance."""

SHARE_BYTES = 4 * 2**20
"""Of one device: four utterances as long as one may be."""

BYTES = 64 * 2**20
"""Of all."""

OVERHEAD_BYTES = 256
"""What a message costs beside its own bytes, so that empty ones fill a share too."""


class Waiting(NamedTuple):
    """One message as it came. kind: segment or end."""

    kind: str
    payload: bytes


class Pen:
    """Messages by utterance, in the order of their arrival."""

    def __init__(self) -> None:
        self._waiting: dict[Whose, list[Waiting]] = {}
        self._since: dict[Whose, datetime] = {}
        self._used: Counter[str] = Counter()
        self._bytes = 0

    def add(self, whose: Whose, message: Waiting, now: datetime) -> bool:
        """Take a message in; False when there is no room for it. An identical one is there only once."""
        held = self._waiting.get(whose, [])
        if message in held:
            return True
        cost = _cost(message)
        room = self._used[whose.device] + cost <= SHARE_BYTES and self._bytes + cost <= BYTES
        if not room or len(held) >= MESSAGES:
            return False
        self._waiting.setdefault(whose, []).append(message)
        self._since.setdefault(whose, now)
        self._use(whose.device, cost)
        return True

    def release(self, whose: Whose) -> list[Waiting]:
        """Let out everything that waits for this begin, ends last."""
        self._since.pop(whose, None)
        messages = self._waiting.pop(whose, [])
        self._use(whose.device, -sum(map(_cost, messages)))
        return sorted(messages, key=lambda message: message.kind == "end")

    def waiting(self) -> list[Whose]:
        """The utterances of which something waits."""
        return list(self._waiting)

    def expire(self, before: datetime) -> int:
        """Drop whatever waits for a begin since before then; return how many messages that were."""
        late = [whose for whose, since in self._since.items() if since < before]
        return sum(len(self.release(whose)) for whose in late)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _use(self, device: str, cost: int) -> None:
        self._bytes += cost
        self._used[device] += cost
        if not self._used[device]:
            del self._used[device]


def _cost(message: Waiting) -> int:
    return len(message.payload) + OVERHEAD_BYTES
