"""What is handed on later, in order: counted in a world's samples where one turns, else in real time."""

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

from hardware.board import RATE_HZ

EVER = float("inf")
_TICK_S = 0.005


class Delays:
    """Holds packets for `ms` each. `now`: the sample the world has reached, None in real time."""

    def __init__(self, now: Callable[[], int | None]) -> None:
        self._now = now
        self._ms = 0.0
        self._lock = threading.Lock()
        self._held: deque[tuple[float, Callable[[bytes], None], bytes]] = deque()
        self._over = threading.Event()
        self._ticker: threading.Thread | None = None

    def set(self, ms: float) -> None:
        """Hold what comes from now on for so long."""
        self._ms = ms
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick_on, name="delays", daemon=True)
            self._ticker.start()

    @property
    def holds(self) -> bool:
        """Whether anything is held."""
        return bool(self._held)

    def take(self, send: Callable[[bytes], None], data: bytes) -> None:
        """Send this, now or when it is due, after everything that is held already."""
        with self._lock:
            if self._ms or self._held:
                self._held.append((self._now_ms() + self._ms, send, data))
            else:
                send(data)

    def tick(self, until_ms: float | None = None) -> None:
        """Send what is due."""
        with self._lock:
            due_ms = self._now_ms() if until_ms is None else until_ms
            while self._held and self._held[0][0] <= due_ms:
                _, send, data = self._held.popleft()
                send(data)

    def clear(self) -> None:
        """Send everything, and hold nothing from now on."""
        self._ms = 0.0
        self.tick(EVER)

    def stop(self) -> None:
        """End the thread that looks after real time."""
        self._over.set()
        if self._ticker is not None:
            self._ticker.join()

    def _tick_on(self) -> None:
        while not self._over.wait(_TICK_S):
            if self._now() is None:
                self.tick()

    def _now_ms(self) -> float:
        sample = self._now()
        return monotonic() * 1000 if sample is None else sample * 1000 / RATE_HZ
