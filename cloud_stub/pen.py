"""Where segments and ends wait for a begin that comes later. It never holds more than its bounds."""

from datetime import datetime
from typing import NamedTuple

UTTERANCES = 64
MESSAGES = 512
BYTES = 32 * 2**20


class Waiting(NamedTuple):
    """One message as it came. kind: segment or end."""

    kind: str
    payload: bytes


class Pen:
    """Messages by (device, utterance), in the order of their arrival; at most 64 x 512, and 32 MiB."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], list[Waiting]] = {}
        self._since: dict[tuple[str, str], datetime] = {}
        self._bytes = 0

    def add(self, whose: tuple[str, str], message: Waiting, now: datetime) -> bool:
        """Take a message in; False when there is no room for it. An identical one is there only once."""
        held = self._waiting.get(whose, [])
        if message in held:
            return True
        room = len(held) < MESSAGES and self._bytes + len(message.payload) <= BYTES
        if not room or (not held and len(self._waiting) >= UTTERANCES):
            return False
        self._waiting.setdefault(whose, []).append(message)
        self._since.setdefault(whose, now)
        self._bytes += len(message.payload)
        return True

    def release(self, whose: tuple[str, str]) -> list[Waiting]:
        """Let out everything that waits for this begin, ends last."""
        self._since.pop(whose, None)
        messages = self._waiting.pop(whose, [])
        self._bytes -= sum(len(message.payload) for message in messages)
        return sorted(messages, key=lambda message: message.kind == "end")

    def expire(self, before: datetime) -> int:
        """Drop whatever waits for a begin since before then; return how many messages that were."""
        late = [whose for whose, since in self._since.items() if since < before]
        return sum(len(self.release(whose)) for whose in late)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))
