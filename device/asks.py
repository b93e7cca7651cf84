"""What device and cloud ask of each other about an utterance that is not acknowledged yet, and how often.

It asks ever more rarely, and what the cloud asks for is granted ever more rarely: an old `missing`, however
often it is played back, costs a message of an utterance a few rows an hour. It knows no clock: time is a
sample index.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from device.outbox import Waiting

_LONGEST = 64
"""An interval doubles each time, up to this many times the first."""


class Ack(NamedTuple):
    """The cloud's word on an utterance: complete, truncated, or what is missing."""

    utterance: str
    state: str
    missing: tuple[tuple[int, int], ...]
    begin: bool
    end: bool

    def misses(self, waiting: Waiting) -> bool:
        """Whether a message is among what is missing."""
        if waiting.kind == "begin":
            return self.begin
        if waiting.kind == "end":
            return self.end
        return any(first <= (waiting.part or 0) <= last for first, last in self.missing)


class _Rest:
    """When something may be done again."""

    def __init__(self, now: int, interval: int) -> None:
        self._interval, self._longest = interval, _LONGEST * interval
        self.over = now + interval

    def prolong(self, now: int) -> None:
        """It was done at `now`: next time it takes twice as long."""
        self._interval = min(2 * self._interval, self._longest)
        self.over = now + self._interval


class _Ask:
    def __init__(self, rest: _Rest) -> None:
        self.rest = rest
        self.granted: dict[int, _Rest] = {}


class Asks:
    """The utterances that wait for the cloud's word. `every` is the first interval, in samples."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._asks: dict[str, _Ask] = {}

    def __len__(self) -> int:
        return len(self._asks)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self._asks

    def begin(self, utterance: str, now: int) -> None:
        """From now on an utterance waits."""
        self._asks[utterance] = _Ask(_Rest(now, self._every))

    def rename(self, old: str, new: str) -> None:
        """It has another name."""
        self._asks[new] = self._asks.pop(old)

    def end(self, utterance: str) -> None:
        """It waits no more."""
        self._asks.pop(utterance, None)

    def wait(self, now: int) -> None:
        """Ask about none of them before an interval from now is over."""
        for ask in self._asks.values():
            ask.rest.over = now + self._every

    def due(self, now: int) -> list[str]:
        """Return the utterances to ask about now."""
        return [utterance for utterance, ask in self._asks.items() if now >= ask.rest.over]

    def asked(self, utterance: str, now: int) -> None:
        """It was asked about; next time is later."""
        self._asks[utterance].rest.prolong(now)

    def grant(self, utterance: str, seqs: Iterable[int], now: int) -> list[int]:
        """Return those of an utterance's messages that the cloud may have again at its word.

        One is had at once the first time, and then no sooner than half the time after which the cloud is
        asked, so that an honest answer to a question always counts.
        """
        granted = self._asks[utterance].granted
        free = [seq for seq in seqs if seq not in granted or now >= granted[seq].over]
        for seq in free:
            if seq in granted:
                granted[seq].prolong(now)
            else:
                granted[seq] = _Rest(now, self._every // 2)
        return free


def question(kept: Sequence[Waiting]) -> list[int]:
    """What to send again so that the cloud says what it has: the end, else the last segment and the begin."""
    if not kept or kept[-1].kind == "end":
        return [waiting.seq for waiting in kept[-1:]]
    return list(dict.fromkeys((kept[-1].seq, kept[0].seq)))
