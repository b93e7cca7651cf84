"""What is sent when: the policy between the outbox, which keeps, and the uplink, which only carries.

In order and within a window; again after a broken connection unless the broker had confirmed it; again when
the cloud names what it misses; and the end record again, ever more rarely, while an utterance lacks its
acknowledgement (of one that lost its end in a power cut, the last segment and the begin). A broker's
confirmation is not durability: only the cloud's signed acknowledgement empties the outbox, or a bound that
is reached, and then a row says so. While the disk refuses, to write or to read, nothing leaves and nothing is
given up.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice, takewhile
from typing import Protocol

from device.asks import Ack, Asks, question
from device.bounds import Bounds, Coming
from device.errors import DiskError
from device.outbox import Departure, Outbox, Sealed
from device.witness import Tell, nobody, tell_departure
from hardware.board import RATE_HZ

_BATCH = 32
"""Messages whose ledger rows share one write to the disk when they leave late: it costs more than they do."""

_NO_BOUNDS = Bounds()

_RETRY_SAMPLES = 5 * RATE_HZ
"""So long is a disk that refuses left alone."""

_REMEMBER_S = 60
"""How often the time that the firmware ran is written down, while something waits."""


class Carrier(Protocol):
    """What delivery needs of the uplink."""

    def publish(self, departure: Departure) -> None:
        """Hand a message to the socket."""


class Reseal(Protocol):
    """What can be sealed anew before it leaves."""

    def due(self) -> Iterable[str]:
        """Return the utterances that are to be. Raises DiskError."""

    def anew(self, utterance: str) -> str:
        """Do it; return the name that the utterance has from now on. Raises DiskError; then it is to be done
        again.
        """


class Delivery:
    """Empties `outbox` through `carrier`. `tell` hears of every departure, and of what `bounds` cost.

    While the disk refuses what the live utterance is made of, that waits here, as ciphertext, and it is
    `stuck`: whoever captures must come to an end. `reseal`, if somebody sets it, is asked when a connection
    has come up, and then for one utterance at a time, so that it keeps the loop from the microphone for no
    longer than that takes.
    """

    def __init__(
        self,
        outbox: Outbox,
        carrier: Carrier,
        window: int,
        ask_again_samples: int,
        tell: Tell = nobody,
        bounds: Bounds = _NO_BOUNDS,
    ) -> None:
        self._outbox = outbox
        self._carrier = carrier
        self._window = window
        self._tell = tell
        self._bounds = bounds
        self._late: deque[tuple[int, str]] = deque()
        self._flying: dict[int, str] = {}
        self._landed: set[int] = set()
        self._asks = Asks(ask_again_samples)
        self._live: str | None = None
        self._unkept: list[Sealed] = []
        self.reseal: Reseal | None = None
        self._stale: deque[str] = deque()
        self._remembered_s = outbox.began_s
        self._rests_until = 0
        self._up = self._found = False
        self._unended: list[str] = []
        self._find_unfinished()

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and nothing waits for an acknowledgement."""
        return not (self._late or self._flying or self._asks or self._unkept)

    @property
    def moving(self) -> bool:
        """Whether there is something to hand to the socket, or something handed over and not confirmed."""
        return self._up and bool(self._waiting or self._flying)

    @property
    def unacknowledged(self) -> int:
        """How many utterances wait for the cloud's acknowledgement, but for the live one."""
        return len(self._asks)

    @property
    def stuck(self) -> bool:
        """Whether the disk refuses what was to be kept."""
        return bool(self._unkept)

    def send(self, messages: Sequence[Sealed], now: int) -> None:
        """Keep `messages` of the live utterance, and let them leave at once if the way is free."""
        self._unkept += messages
        with suppress(DiskError):
            self.settle(now)

    def settle(self, now: int) -> None:
        """Keep what is not kept yet.

        Raises:
            DiskError: the disk still refuses.
        """
        if not self._unkept:
            return
        messages = self._unkept
        self._make_room(now, messages)
        free = self._up and not self._waiting and len(self._flying) + len(messages) <= self._window
        seqs, departures = self._outbox.put(messages, depart=free, ran_s=self._ran_s(now))
        self._unkept = []
        self._publish(departures)
        if self._found and not free:
            self._late.extend((seq, "late") for seq in seqs)
        for message in messages:
            self._live = None if message.kind == "end" else message.utterance
            if message.kind == "end":
                self._asks.begin(message.utterance, now)

    def link(self, up: bool, now: int) -> None:
        """A connection came up or went: what was flying is not known to have landed."""
        self._up, self._found = up, False
        self._flying.clear()
        self._late.clear()
        self._stale.clear()
        if up:
            self._asks.wait(now)
            self.tend(now)

    def sent(self, seq: int | None) -> None:
        """The broker confirmed a message. Of one that is not kept, or not any more, it means nothing."""
        if seq is None or seq not in self._flying:
            return
        utterance = self._flying.pop(seq)
        if utterance == self._live or utterance in self._asks:
            self._landed.add(seq)

    def refused(self, seq: int | None) -> None:
        """The broker refused a message: it has not landed, and leaves again when it is asked for, or with the
        next connection.
        """
        if seq is not None:
            self._flying.pop(seq, None)

    def acknowledged(self, ack: Ack, now: int) -> None:
        """Do as the cloud says: forget what it has, send what it misses. While the disk refuses, nothing: it
        will be asked again.
        """
        if ack.utterance in self._asks:
            with suppress(DiskError):
                if ack.state == "missing":
                    self._send_again(ack, now)
                else:
                    self._forget(ack)

    def _send_again(self, ack: Ack, now: int) -> None:
        """What never left can't be missing, and what is on its way may yet arrive."""
        missed = [
            each.seq for each in self._outbox.waiting(ack.utterance) if each.departed and ack.misses(each)
        ]
        missed = self._asks.grant(ack.utterance, self._not_under_way(missed), now)
        self._landed.difference_update(missed)  # the broker had them, and lost them
        self._late.extend((seq, "missing") for seq in missed)

    def _forget(self, ack: Ack) -> None:
        kept = self._outbox.waiting(ack.utterance)
        truncated = ack.state == "truncated"
        if truncated and any(each.kind == "end" or each.seq not in self._landed for each in kept):
            return  # the cloud gave up too early: there is more, and it is on its way or will be asked about
        if kept:
            self._outbox.forget(ack.utterance, dropped="truncated" if truncated else None)
        self._landed.difference_update(each.seq for each in kept)
        self._asks.end(ack.utterance)

    def tend(self, now: int) -> None:
        """Use the free places of the window, ask again where an acknowledgement is due, and drop what is too
        old. A disk that refuses is tried again later.
        """
        if now < self._rests_until:
            return
        try:
            self._outbox.catch_up()
            self._cut_short()
            self.settle(now)
            self._grow_older(now)
            if self._up:
                self._find_what_waits()
                self._ask(now)
                self._let_go()
                self._freshen()
        except DiskError:
            self._rests_until = now + _RETRY_SAMPLES

    @property
    def _waiting(self) -> bool:
        return bool(self._late or self._stale) or not self._found

    def _find_what_waits(self) -> None:
        """Once for each connection: what leaves as it is, and what is sealed anew first."""
        if self._found:
            return
        stale = set(self.reseal.due()) if self.reseal else set()
        kept = self._outbox.waiting()
        self._stale = deque(dict.fromkeys(each.utterance for each in kept if each.utterance in stale))
        leaves = {
            each.seq: each for each in kept if each.utterance not in stale and each.seq not in self._landed
        }
        for seq in self._not_under_way(leaves):
            self._late.append((seq, "again" if leaves[seq].departed else "late"))
        self._found = True

    def _freshen(self) -> None:
        """Let leave one utterance that waited too long, sealed anew; after the rest, so that what a full disk
        has no room to seal anew keeps nothing else from leaving.
        """
        if not (self._stale and self.reseal):
            return
        old = self._stale[0]
        new = self.reseal.anew(old)
        self._stale.popleft()
        if new != old:
            self._asks.rename(old, new)
            self._tell("resealed", id=new, was=old)
        self._found = False  # if it can't be read now, it is found again
        self._queue([each.seq for each in self._outbox.waiting(new)], "late")
        self._found = True

    def _ask(self, now: int) -> None:
        for utterance in self._asks.due(now):
            if utterance not in self._stale:
                self._queue(question(self._outbox.waiting(utterance)), "ask")
                self._asks.asked(utterance, now)

    def _let_go(self) -> None:
        while self._late and self._room_for_a_batch:
            cause = self._late[0][1]
            room = min(_BATCH, self._window - len(self._flying))
            batch = list(islice(takewhile(lambda each: each[1] == self._late[0][1], self._late), room))
            departures = self._outbox.depart([seq for seq, _ in batch], cause)
            for _ in batch:
                self._late.popleft()
            self._publish(departures)

    @property
    def _room_for_a_batch(self) -> bool:
        """Whether a good part of the window is free: a write for one message costs as much as for many."""
        free = self._window - len(self._flying)
        return free >= min(_BATCH, max(1, self._window // 2), len(self._late))

    def _grow_older(self, now: int) -> None:
        if self._outbox.stock:
            ran_s = self._ran_s(now)
            if ran_s >= self._remembered_s + _REMEMBER_S:
                self._outbox.ran(ran_s)
                self._remembered_s = ran_s
            self._make_room(now)

    def _make_room(self, now: int, messages: Sequence[Sealed] = ()) -> None:
        """Drop what must go before `messages` can be kept."""
        stock = self._outbox.stock
        new = {message.utterance for message in messages if message.utterance not in stock}
        coming = Coming(sum(len(message.payload) for message in messages), len(new))
        while goes := self._bounds.first_to_go(stock, self._ran_s(now), self._live, coming):
            self._drop(*goes)

    def _drop(self, utterance: str, cause: str) -> None:
        """Give up an utterance, whole. What of it flies keeps its place in the window until it has landed."""
        seqs = {waiting.seq for waiting in self._outbox.waiting(utterance)}
        self._outbox.forget(utterance, dropped=cause)
        self._asks.end(utterance)
        self._landed -= seqs
        self._late = deque(each for each in self._late if each[0] not in seqs)
        self._tell("dropped", id=utterance, why=cause)

    def _ran_s(self, now: int) -> int:
        return self._outbox.began_s + now // RATE_HZ

    def _queue(self, seqs: Iterable[int], cause: str) -> None:
        self._late.extend((seq, cause) for seq in self._not_under_way(seqs))

    def _not_under_way(self, seqs: Iterable[int]) -> list[int]:
        under_way = {seq for seq, _ in self._late} | self._flying.keys()
        return [seq for seq in seqs if seq not in under_way]

    def _publish(self, departures: Iterable[Departure]) -> None:
        for departure in departures:
            if departure.seq is not None:
                self._flying[departure.seq] = departure.row.utterance or ""
            tell_departure(self._tell, departure)
            self._carrier.publish(departure)

    def _find_unfinished(self) -> None:
        """What a power cut left without an end cannot be ended: its key is gone. It is still sent, so that
        it shows.
        """
        waiting = self._outbox.waiting()
        ended = {w.utterance for w in waiting if w.kind == "end"}
        for utterance in dict.fromkeys(w.utterance for w in waiting):
            self._asks.begin(utterance, 0)
            if utterance not in ended:
                self._unended.append(utterance)
        with suppress(DiskError):
            self._cut_short()

    def _cut_short(self) -> None:
        while self._unended:
            self._outbox.cut_short(self._unended[0], "power_lost")
            del self._unended[0]
