"""How much is in flight, and an event for when it is nothing. It never polls."""

import threading


class InFlight:
    """Counts what began and is not done; `none` is set while that is nothing. Any thread may count."""

    def __init__(self) -> None:
        self.count = 0
        self.none = threading.Event()
        self.none.set()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """One more."""
        with self._lock:
            self.count += 1
            self.none.clear()

    def done(self) -> None:
        """One less."""
        with self._lock:
            self.count -= 1
            if self.count == 0:
                self.none.set()
