"""What came from the broker and waits to be taken: in its order, and many at once."""

import threading
from collections import deque

AT_ONCE, MOST, MOST_BYTES = 200, 2000, 32_000_000
"""So many messages are taken in one transaction; so many, or so long ones, may wait for it."""

Letter = tuple[str, bytes]
"""Topic and payload; nothing of it has been checked."""


class Mail:
    """A queue between the thread that hears the broker and the one that takes. Any thread may end it."""

    def __init__(self) -> None:
        self._letters: deque[Letter] = deque()
        self._bytes = 0
        self._over = False
        self._changed = threading.Condition()

    def put(self, topic: str, payload: bytes) -> bool:
        """Add one, waiting while the vault is slower than the broker. False: it has ended, and is dropped."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._has_room())
            if not self._over:
                self._letters.append((topic, payload))
                self._bytes += len(payload)
                self._changed.notify_all()
            return not self._over

    def take(self) -> list[Letter]:
        """Everything that came meanwhile, up to AT_ONCE: what costs is the sync, not the message. It waits
        for the first; nothing means that it has ended and all was taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._over or bool(self._letters))
            letters = [self._letters.popleft() for _ in range(min(AT_ONCE, len(self._letters)))]
            self._bytes -= sum(len(payload) for _, payload in letters)
            self._changed.notify_all()
            return letters

    def end(self) -> None:
        """Take in no more; what waits is still taken."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._letters) < MOST and self._bytes < MOST_BYTES
