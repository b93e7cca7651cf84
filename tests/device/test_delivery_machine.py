"""Whatever links, brokers and clouds do: no message is lost before it is acknowledged, but for the oldest
utterance when there are too many; none departs without its row; and in the end, when everybody behaves,
everything else arrives.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from device.asks import Ack
from device.bounds import Bounds
from device.ledger import parse_row
from device.outbox import Departure, Waiting
from tests.device.shelf import ASK, WINDOW, Room, end, sealed

FAST = Path("/dev/shm")
PLACE = FAST if FAST.is_dir() else None
MOST = 3


def arrive_at(place: dict[str, set[int | str]], departure: Departure) -> None:
    row = departure.row
    assert row.utterance is not None
    place.setdefault(row.utterance, set()).add(row.kind if row.segment is None else row.segment)


class World(RuleBasedStateMachine):
    """A device, a broker that may forget, and a cloud that remembers what reached it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=PLACE))
        self.room = self.start()
        self.now = 0
        self.up = False
        self.spoken = 0
        self.live: str | None = None
        self.parts = 0
        self.made: dict[str, int] = {}  # utterance -> messages made and not acknowledged
        self.dropped: list[str] = []
        self.ended: dict[str, int] = {}  # utterance -> segments
        self.flying: list[Departure] = []  # carried on this connection, not confirmed
        self.cloud: dict[str, set[int | str]] = {}
        self.confirmed: dict[str, set[int | str]] = {}

    def start(self) -> Room:
        return Room(self.directory / "egress.db", bounds=Bounds(max_utterances=MOST))

    def make_room(self) -> None:
        """What the device must do before it keeps one more."""
        while len(self.made) >= MOST:
            oldest = next(iter(self.made))
            del self.made[oldest]
            self.dropped.append(oldest)

    def collect(self) -> None:
        carried, self.room.wire.carried = self.room.wire.carried, []
        assert self.up or not carried
        self.flying += carried

    # The device

    @rule(segments=st.integers(0, 3))
    def speak(self, segments: int) -> None:
        if self.live is None:
            self.spoken += 1
            self.live, self.parts = f"{self.spoken:032x}", 0
            self.make_room()
            self.room.delivery.send([sealed(self.live, None)], self.now)
            self.made[self.live] = 1
        for _ in range(segments):
            self.room.delivery.send([sealed(self.live, self.parts)], self.now)
            self.parts += 1
            self.made[self.live] += 1
        self.collect()

    @rule()
    def finish(self) -> None:
        if self.live is not None:
            self.room.delivery.send([sealed(self.live, self.parts), end(self.live)], self.now)
            self.made[self.live] += 2
            self.ended[self.live] = self.parts + 1
            self.live = None
        self.collect()

    @rule(frames=st.integers(1, 3 * ASK))
    def time_passes(self, frames: int) -> None:
        self.now += frames
        self.room.delivery.tend(self.now)
        self.collect()

    @rule()
    def power_is_cut(self) -> None:
        self.room.outbox.close()
        self.room = self.start()
        self.up, self.flying, self.now, self.live = False, [], 0, None

    # The line

    @rule(up=st.booleans())
    def link(self, up: bool) -> None:
        self.up, self.flying = up, []
        self.room.delivery.link(up, self.now)
        self.collect()

    @rule(which=st.integers(0, WINDOW - 1), reaches_the_cloud=st.booleans())
    def confirm(self, which: int, reaches_the_cloud: bool) -> None:
        if which < len(self.flying):
            departure = self.flying.pop(which)
            arrive_at(self.confirmed, departure)
            if reaches_the_cloud:
                arrive_at(self.cloud, departure)
            self.room.delivery.sent(departure.seq)

    @rule(which=st.integers(0, WINDOW - 1))
    def reach_the_cloud_without_a_confirmation(self, which: int) -> None:
        if which < len(self.flying):
            arrive_at(self.cloud, self.flying[which])

    # The cloud

    def word(self, utterance: str) -> Ack | None:
        """What an honest cloud says of an utterance now."""
        has = self.cloud.get(utterance, set())
        count = self.ended.get(utterance) if "end" in has else None
        if not has:
            return None
        heard = [part for part in has if isinstance(part, int)]
        gaps = [part for part in range(count or max(heard, default=0)) if part not in has]
        no_begin, no_end = "begin" not in has, "end" not in has
        if gaps or no_begin:
            return Ack(utterance, "missing", tuple((part, part) for part in gaps), no_begin, no_end)
        return Ack(utterance, "truncated" if no_end else "complete", (), False, False)

    @rule(which=st.integers(0, 3))
    def acknowledge(self, which: int) -> None:
        utterance = f"{which + 1:032x}"
        ack = self.word(utterance)
        if ack is not None:
            self.room.delivery.acknowledged(ack, self.now)
            self.room.delivery.tend(self.now)
            self.collect()
            self.settle(utterance)

    def settle(self, utterance: str) -> None:
        """Forget what the device may have forgotten, if it did so rightly.

        Of what a power cut left without an end nobody can say how long it was: there, and only there, the
        device goes by the broker's word for the last segments.
        """
        if utterance in self.made and not self.room.outbox.waiting(utterance):
            assert utterance != self.live
            arrived = self.cloud[utterance]
            if utterance not in self.ended:
                arrived = arrived | self.confirmed[utterance]
            assert len(arrived) == self.made[utterance], "what was forgotten is elsewhere"
            del self.made[utterance]

    # The promises

    @invariant()
    def nothing_is_lost(self) -> None:
        kept: dict[str, list[Waiting]] = {}
        for waiting in self.room.outbox.waiting():
            kept.setdefault(waiting.utterance, []).append(waiting)
        assert {utterance: len(all_of) for utterance, all_of in kept.items()} == self.made

    @invariant()
    def the_window_holds(self) -> None:
        assert len(self.flying) <= WINDOW

    def teardown(self) -> None:
        try:
            self.finish()
            self.everybody_behaves()
        finally:
            self.room.outbox.close()
            shutil.rmtree(self.directory)

    def everybody_behaves(self) -> None:
        self.link(True)
        for _ in range(60):
            while self.flying:
                self.confirm(0, True)
                self.room.delivery.tend(self.now)
                self.collect()
            for utterance in list(self.made):
                ack = self.word(utterance)
                if ack is not None:
                    self.room.delivery.acknowledged(ack, self.now)
                    self.settle(utterance)
            self.time_passes(64 * ASK)
        assert self.room.outbox.waiting() == []
        assert self.room.delivery.idle
        rows = [parse_row(row) for row in self.room.outbox.rows()]
        assert [row.index for row in rows] == list(range(len(rows)))
        full = [row.utterance for row in rows if (row.kind, row.cause) == ("dropped", "outbox_full")]
        assert full == self.dropped


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
