"""TCP segments to what was said, in order, once. Nothing that the other side would have taken is passed over.

Bytes that are sent again are compared with what they were the first time, as far back as `_REMEMBERED`: what
differs reaches nobody but whoever captures, so it is told as a fault.
"""

from typing import NamedTuple, Protocol

from lab.audit.capture.blocks import Faults, Record

SYN, ACK = 2, 16

_REMEMBERED = 256 << 10
_REMEMBERED_IN_ALL = 64 << 20
"""Of all connections; then those that were silent longest are forgotten."""

_PENDING = 4 << 20
"""So many bytes out of order wait for what is missing; then that is lost."""

_HALF, _ALL = 1 << 31, 1 << 32


class At(NamedTuple):
    """A packet's number, from 1, and its Unix time in nanoseconds."""

    number: int
    time_ns: int


class Sink(Protocol):
    """Who hears one TCP connection."""

    def hear(self, from_first: bool, data: bytes, at: At) -> None:
        """The next bytes of one side."""

    def lost(self, from_first: bool, count: int, at: At) -> None:
        """So many bytes come next that the capture does not have."""

    def over(self) -> None:
        """There is no more."""


class Memory:
    """What was said lately on all connections of a capture, bounded."""

    def __init__(self, most: int = _REMEMBERED_IN_ALL) -> None:
        self._most = most
        self._total = 0
        self._latest: dict[_Side, int] = {}

    def holds(self, side: "_Side", count: int) -> None:
        """A side holds so many bytes now; whoever was silent longest forgets, if that is too much."""
        self._total += count - self._latest.pop(side, 0)
        self._latest[side] = count
        while self._total > self._most:
            oldest = next(iter(self._latest))
            self._total -= self._latest.pop(oldest)
            oldest.forget()


class Stream:
    """One connection: two sides, each put in order and handed to `sink`. memory: shared by a capture's."""

    def __init__(self, sink: Sink, faults: Faults, memory: Memory) -> None:
        self._sink = sink
        self._sides = {way: _Side(sink, way, faults, memory) for way in (True, False)}
        self._began: int | None = None
        self._over = False

    def begins_anew(self, sequence: int) -> bool:
        """Whether a SYN of this number is of another connection between the same two."""
        return self._began is not None and self._began != sequence

    def begin(self, from_first: bool, sequence: int) -> None:
        """A side's first byte will have this number: one more than its SYN."""
        if from_first and self._began is None:
            self._began = sequence - 1 & 0xFFFFFFFF
        self._sides[from_first].begin(sequence)

    def take(self, from_first: bool, sequence: int, record: Record, span: tuple[int, int]) -> None:
        """Take a segment: its payload is in the record from the first of `span` to before the second, as far
        as it was kept.
        """
        start, end = span
        data = record.data[start:end]
        self._sides[from_first].take(
            sequence, data, end - start - len(data), At(record.number, record.time_ns)
        )

    def over(self) -> None:
        """Say so, once, after what still waits."""
        if not self._over:
            self._over = True
            for side in self._sides.values():
                side.over()
            self._sink.over()


class _Side:
    """One direction: what comes next, what waits, and what was said lately."""

    def __init__(self, sink: Sink, from_first: bool, faults: Faults, memory: Memory) -> None:
        self._memory = memory
        self._sink = sink
        self._from_first = from_first
        self._faults = faults
        self._next: int | None = None
        self._waiting: dict[int, tuple[bytes, int, At]] = {}
        self._waits = 0
        self._recent = bytearray()

    def begin(self, sequence: int) -> None:
        """The first byte will have this number."""
        if self._next is None:
            self._next = sequence

    def take(self, sequence: int, data: bytes, missing: int, at: At) -> None:
        """Take a segment, of which the capture lacks the last `missing` bytes."""
        if sequence == self._next and not self._waiting and not missing:
            self._sink.hear(self._from_first, data, at)
            self._remember(data)
            return
        if self._next is None:
            self._faults.add("a connection whose beginning is not in the capture", at.number)
            self._next = sequence
        ahead = _ahead(sequence, self._next)
        if ahead > 0:
            self._wait(sequence, data, missing, at)
            return
        self._say(data, -ahead, missing, at)
        while self._waiting and self._waits:
            nearest = min(self._waiting, key=lambda each: _ahead(each, self._next or 0))
            ahead = _ahead(nearest, self._next)
            if ahead > 0:
                return
            data, missing, at = self._waiting.pop(nearest)
            self._waits -= len(data) + 1
            self._say(data, -ahead, missing, at)

    def over(self) -> None:
        """What still waits comes after something that was lost."""
        while self._waiting:
            self._give_up()

    def _wait(self, sequence: int, data: bytes, missing: int, at: At) -> None:
        known = self._waiting.get(sequence)
        if known is not None and known[0][: len(data)] != data[: len(known[0])]:
            self._faults.add("bytes were sent again, and were others", at.number)
        if known is None or len(known[0]) < len(data):
            self._waits += len(data) + 1 - (len(known[0]) + 1 if known else 0)
            self._waiting[sequence] = data, missing, at
        while self._waits > _PENDING or len(self._waiting) > 4096:
            self._give_up()

    def _give_up(self) -> None:
        """What is missing before the nearest that waits is lost."""
        nearest = min(self._waiting, key=lambda each: _ahead(each, self._next or 0))
        data, missing, at = self._waiting.pop(nearest)
        self._waits -= len(data) + 1
        gap = _ahead(nearest, self._next or 0)
        if gap > 0:
            self._lose(gap, at)
        self._say(data, max(0, -gap), missing, at)

    def _say(self, data: bytes, old: int, missing: int, at: At) -> None:
        """Hand on what is new of a segment, whose first `old` bytes were said before."""
        if old:
            self._compare(data, old, at)
        fresh = data[old:]
        if fresh:
            self._sink.hear(self._from_first, fresh, at)
            self._remember(fresh)
        missing = min(missing, len(data) + missing - old)
        if missing > 0:
            self._lose(missing, at)

    def _remember(self, fresh: bytes) -> None:
        self._next = (self._next or 0) + len(fresh) & 0xFFFFFFFF
        self._recent += fresh
        if len(self._recent) > 2 * _REMEMBERED:
            del self._recent[:-_REMEMBERED]
        self._memory.holds(self, len(self._recent))

    def forget(self) -> None:
        """Forget what was said: what is sent again can't be compared any more."""
        self._recent.clear()

    def _compare(self, data: bytes, old: int, at: At) -> None:
        said = data[:old]
        start = len(self._recent) - old
        if start < 0:
            said, start = said[-start:], 0
            self._faults.add("bytes were sent again, too long after the first time to compare", at.number)
        if self._recent[start : start + len(said)] != said:
            self._faults.add("bytes were sent again, and were others", at.number)

    def _lose(self, count: int, at: At) -> None:
        self._faults.add(f"{count} bytes of a connection are not in the capture", at.number)
        self._sink.lost(self._from_first, count, at)
        self._next = (self._next or 0) + count & 0xFFFFFFFF
        self._recent.clear()


def _ahead(sequence: int, base: int) -> int:
    """How far `sequence` is after `base`, on a circle of 2^32; negative if before."""
    return (sequence - base + _HALF) % _ALL - _HALF
