"""How much may wait for the cloud, for how long, and what goes first when that is too much (pure).

An utterance goes whole, the oldest first. It will never name the live one, and it knows no clock: age is time
that the firmware ran, so a wall clock that jumps drops nothing.
"""

from collections.abc import Iterable
from math import inf
from typing import NamedTuple


class Stock:
    """What waits, by utterance, oldest first: how many bytes, and since which second of running."""

    def __init__(self, found: Iterable[tuple[str, int, int]] = ()) -> None:
        self._kept: dict[str, tuple[int, int]] = {}
        self.bytes = 0
        for utterance, size, born_s in found:
            self.add(utterance, size, born_s)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self._kept

    def add(self, utterance: str, size: int, born_s: int) -> None:
        """Count `size` more bytes of an utterance, or less; the age is that of its first."""
        known, since = self._kept.get(utterance, (0, born_s))
        self._kept[utterance] = (known + size, since)
        self.bytes += size

    def remove(self, utterance: str) -> None:
        """Count an utterance no more."""
        self.bytes -= self._kept.pop(utterance, (0, 0))[0]

    def rename(self, old: str, new: str, size: int) -> None:
        """Count an utterance, of `size` bytes now, under another name: in its old place, and as old."""
        self._kept = {new if name == old else name: held for name, held in self._kept.items()}
        known, since = self._kept[new]
        self.add(new, size - known, since)

    def oldest(self, but: str | None) -> tuple[str, int] | None:
        """Return the oldest utterance other than `but`, and since when it waits."""
        return next(((name, since) for name, (_, since) in self._kept.items() if name != but), None)


class Coming(NamedTuple):
    """What is about to be kept: so many bytes, of so many utterances that are not kept yet."""

    bytes: int = 0
    utterances: int = 0


_NOTHING = Coming()


class Bounds(NamedTuple):
    """The most that may wait, and the longest, in seconds that the firmware ran."""

    max_bytes: float = inf
    max_utterances: float = inf
    max_age_s: float = inf

    def first_to_go(
        self, stock: Stock, ran_s: int, live: str | None, coming: Coming = _NOTHING
    ) -> tuple[str, str] | None:
        """Return the utterance that must go before `coming` can be kept, and why; None when all is well."""
        oldest = stock.oldest(but=live)
        if oldest is None:
            return None
        utterance, since = oldest
        if ran_s - since > self.max_age_s:
            return utterance, "outbox_age"
        if (
            stock.bytes + coming.bytes > self.max_bytes
            or len(stock) + coming.utterances > self.max_utterances
        ):
            return utterance, "outbox_full"
        return None
