"""Clocks that go when a test says so."""


class Running:
    """Seconds that never jump: what `time.monotonic` is to the cloud."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def days(self, days: float) -> None:
        """Let so many days of running time go by."""
        self.seconds += 86_400 * days
