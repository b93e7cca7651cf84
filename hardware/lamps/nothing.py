"""No lamp, for a profile without lights. It will never show anything."""

from hardware.board import RGB
from hardware.lights import colour


class Nothing:
    """A lamp that is not there."""

    blinks = False
    lit = False
    trouble: str | None = None
    look = staticmethod(colour)

    def show(self, rgb: RGB) -> None:
        """Nothing to see."""

    def close(self) -> None:
        """Nothing was taken."""
