"""What is sent when: the policy between the outbox, which keeps, and the uplink, which only carries.

In order and within a window; again after a broken connection unless the broker had confirmed it; again when
the cloud names what it misses; and the end record again, ever more rarely, while an utterance lacks its
acknowledgement (of one that lost its end in a power cut, the last segment and the begin). A broker's
confirmation is not durability: only the cloud's signed acknowledgement empties the outbox.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, Protocol

from device.outbox import Departure, Outbox, Sealed, Waiting
from device.witness import Tell, nobody, tell_departure

_LONGEST_ASK = 64
"""Asking again backs off to this many times the first interval."""

_BATCH = 16
"""Messages whose ledger rows share one write to the disk when they leave late."""


class Carrier(Protocol):
    """What delivery needs of the uplink."""

    def publish(self, departure: Departure) -> None:
        """Hand a message to the socket."""


class Ack(NamedTuple):
    """The cloud's word on an utterance: complete, truncated, or what is missing."""

    utterance: str
    state: str
    missing: tuple[tuple[int, int], ...]
    begin: bool
    end: bool


class Delivery:
    """Empties `outbox` through `carrier`. `tell` hears of every departure."""

    def __init__(
        self,
        outbox: Outbox,
        carrier: Carrier,
        window: int,
        ask_again_samples: int,
        tell: Tell = nobody,
    ) -> None:
        self._outbox = outbox
        self._carrier = carrier
        self._window = window
        self._ask_again = ask_again_samples
        self._tell = tell
        self._late: deque[tuple[int, str]] = deque()
        self._flying: dict[int, str] = {}
        self._landed: set[int] = set()
        self._asks: dict[str, _Ask] = {}
        self._live: str | None = None
        self._up = False
        self._drop_unfinished()

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and nothing waits for an acknowledgement."""
        return not (self._late or self._flying or self._asks)

    @property
    def moving(self) -> bool:
        """Whether there is something to hand to the socket, or something handed over and not confirmed."""
        return self._up and bool(self._late or self._flying)

    @property
    def unacknowledged(self) -> int:
        """How many utterances wait for the cloud's acknowledgement, but for the live one."""
        return len(self._asks)

    def send(self, messages: Sequence[Sealed], now: int) -> None:
        """Keep `messages` of the live utterance, and let them leave at once if the way is free."""
        free = self._up and not self._late and len(self._flying) + len(messages) <= self._window
        seqs, departures = self._outbox.put(messages, depart=free)
        self._publish(departures)
        if self._up and not free:
            self._late.extend((seq, "late") for seq in seqs)
        for message in messages:
            self._live = None if message.kind == "end" else message.utterance
            if message.kind == "end":
                self._asks[message.utterance] = _Ask(now + self._ask_again, self._ask_again)

    def link(self, up: bool, now: int) -> None:
        """A connection came up or went: what was flying is not known to have landed."""
        self._up = up
        self._flying.clear()
        self._late.clear()
        if not up:
            return
        for waiting in self._outbox.waiting():
            if waiting.seq not in self._landed:
                self._late.append((waiting.seq, "again" if waiting.departed else "late"))
        for ask in self._asks.values():
            ask.due = now + self._ask_again
        self.tend(now)

    def sent(self, seq: int | None) -> None:
        """The broker confirmed a message. Of one that is not kept, or not any more, it means nothing."""
        if seq is None or seq not in self._flying:
            return
        utterance = self._flying.pop(seq)
        if utterance == self._live or utterance in self._asks:
            self._landed.add(seq)

    def acknowledged(self, ack: Ack) -> None:
        """Do as the cloud says: forget what it has, send what it misses."""
        if ack.utterance == self._live:
            return
        kept = self._outbox.waiting(ack.utterance)
        if ack.state == "missing":
            missed = [waiting.seq for waiting in kept if _misses(ack, waiting)]
            self._landed.difference_update(missed)  # the broker had them, and lost them
            self._queue(missed, "missing")
            return
        if ack.state == "truncated" and any(w.kind == "end" or w.seq not in self._landed for w in kept):
            return  # the cloud gave up too early: there is more, and it is on its way or will be asked about
        if kept:
            self._outbox.forget(ack.utterance, dropped="truncated" if ack.state == "truncated" else None)
        self._landed.difference_update(waiting.seq for waiting in kept)
        self._asks.pop(ack.utterance, None)

    def tend(self, now: int) -> None:
        """Use the free places of the window, and ask again where an acknowledgement is due."""
        if not self._up:
            return
        for utterance, ask in self._asks.items():
            if now >= ask.due:
                ask.put_off(now, self._ask_again * _LONGEST_ASK)
                self._queue(_question(self._outbox.waiting(utterance)), "ask")
        while self._late and len(self._flying) < self._window:
            room = min(_BATCH, self._window - len(self._flying), len(self._late))
            batch = [self._late.popleft() for _ in range(room)]
            for cause, alike in groupby(batch, key=itemgetter(1)):
                self._publish(self._outbox.depart([seq for seq, _ in alike], cause))

    def _queue(self, seqs: Iterable[int], cause: str) -> None:
        under_way = {seq for seq, _ in self._late} | self._flying.keys()
        self._late.extend((seq, cause) for seq in seqs if seq not in under_way)

    def _publish(self, departures: Iterable[Departure]) -> None:
        for departure in departures:
            if departure.seq is not None:
                self._flying[departure.seq] = departure.row.utterance or ""
            tell_departure(self._tell, departure)
            self._carrier.publish(departure)

    def _drop_unfinished(self) -> None:
        """What a power cut left without an end cannot be ended: its key is gone. It is still sent, so that
        it shows.
        """
        waiting = self._outbox.waiting()
        ended = {w.utterance for w in waiting if w.kind == "end"}
        for utterance in dict.fromkeys(w.utterance for w in waiting):
            self._asks[utterance] = _Ask(self._ask_again, self._ask_again)
            if utterance not in ended:
                self._outbox.cut_short(utterance, "power_lost")


class _Ask:
    """When to ask about an utterance again."""

    def __init__(self, due: int, interval: int) -> None:
        self.due = due
        self._interval = interval

    def put_off(self, now: int, longest: int) -> None:
        self._interval = min(2 * self._interval, longest)
        self.due = now + self._interval


def _question(kept: Sequence[Waiting]) -> list[int]:
    """What to send again so that the cloud says what it has: the end, else the last segment and the begin."""
    if not kept or kept[-1].kind == "end":
        return [waiting.seq for waiting in kept[-1:]]
    return list(dict.fromkeys((kept[-1].seq, kept[0].seq)))


def _misses(ack: Ack, waiting: Waiting) -> bool:
    if waiting.kind == "begin":
        return ack.begin
    if waiting.kind == "end":
        return ack.end
    return any(first <= (waiting.part or 0) <= last for first, last in ack.missing)
