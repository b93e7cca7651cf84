"""Takes bytes apart from the front, and refuses what is shorter than it says."""

from lab.audit.line.nonsense import Nonsense


class Cursor:
    """Reads `data`; `what` is said when it is too short."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left:
            raise Nonsense(f"{self._what} that is shorter than it says")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, count: int) -> int:
        """The next `count` bytes as a number, the first the most significant."""
        return int.from_bytes(self.take(count), "big")

    def vector(self, count: int) -> bytes:
        """A vector whose length is in its first `count` bytes."""
        return self.take(self.number(count))

    def rest(self) -> bytes:
        """What is left."""
        return self.take(self.left)

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise Nonsense(f"{self._what} with {self.left} bytes behind its end")
