"""What waited too long is sealed anew: whole or not at all, by segments, with keys that no disk has."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.bounds import Bounds
from device.capture import Capture, Outside, Recorder
from device.delivery import Delivery
from device.envelope import Begin, EnvelopeError, Gap, ReaderKey, Trigger, open_utterance
from device.envelope import Utterance as Opened
from device.errors import DiskError
from device.keys import load_or_make
from device.ledger import Row, Signer, parse_row
from device.outbox import Outbox, Sealed
from device.reseal import DataKeys, Resealer
from device.session import Event
from device.trust import Trust
from device.turn import Surroundings, Turn
from device.voice import Voice
from device.witness import nobody
from hardware.sim import SimBoard
from tests.device import notes
from tests.device.shelf import complete, head_of_rows, missing, seen_by_another
from tests.device.test_capture import NOISE, OWNER, Lorry, config_with, feed

FIRST, NEXT = ReaderKey("x25519", b"1" * 32), ReaderKey("x25519", b"2" * 32)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TAP = Trigger("button_tap")
Seal = Callable[[int, list[Sealed]], Iterable[Sealed]]


class Watched:
    """The outbox, and somebody who looks on whenever a message was sealed anew."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.waiting = outbox.waiting
        self.look: Callable[[Iterator[Sealed]], None] = lambda _: None

    def replace(self, old: str, new: str, seal: Seal) -> None:
        self._outbox.replace(old, new, lambda row, kept: self._each(iter(seal(row, kept))))

    def _each(self, sealing: Iterator[Sealed]) -> Iterator[Sealed]:
        for message in sealing:
            self.look(sealing)
            yield message


class Bench:
    """A recorder without a microphone, its delivery, and a wall clock of its own."""

    def __init__(self, path: Path, text: str = "", bounds: Bounds = Bounds()) -> None:  # noqa: B008
        self.path = path
        config = config_with(path, f'owner_reader = "{OWNER.public.encode()}"\n{text}')
        self.identity = load_or_make(Path(config.device.state_dir), "x25519")
        self.outbox = Outbox(path / "egress.db", Signer(self.identity.device, self.identity.signing))
        self.wall, self._drawn = NOON, 0
        self.trust = Trust(notes.ROOT.vkey, path / "keys.note")
        self.epoch(FIRST, NOON)
        self.lorry, self.data_keys = Lorry(), DataKeys()
        self.delivery = Delivery(self.outbox, self.lorry, 64, 160_000, bounds=bounds)
        outside = Outside(lambda: self.wall, self.draw, self.data_keys.keep)
        self.outbox.gone = self.data_keys.wipe
        self.watched = Watched(self.outbox)
        self.resealer = Resealer(
            self.watched,
            self.data_keys,
            self.identity.signing,
            self.trust,
            outside,
            86_400,
        )
        self.delivery.reseal = self.resealer
        self.recorder = Recorder(config, self.identity, "boot", self.outbox, self.delivery, outside)

    def draw(self, count: int) -> bytes:
        self._drawn += 1
        return bytes([self._drawn]) * count

    def epoch(self, reader: ReaderKey, since: datetime) -> None:
        """The cloud's keys note of a day."""
        span = {"not_before": since, "not_after": since + DAY}
        said = {name: when.strftime("%Y-%m-%dT%H:%M:%SZ") for name, when in span.items()}
        assert self.trust.take(notes.note(notes.fields(**said, reader=reader.public.encode())))

    def say(self, frames: int = 21, first: int = 0, lost: int = 0) -> Capture:
        """An utterance, whole, as it is captured; after its first frame so many samples are missing."""
        keys = self.trust.at(self.wall)
        assert keys is not None
        capture = self.recorder.start(TAP, first, keys)
        capture.release(first)
        feed(capture, first, min(1, frames))
        feed(capture, first + 320 + lost, frames - 1)
        over = first + 320 * frames + lost
        capture.end("silence", self.outbox.checkpoint, over).flush(over)
        return capture

    def later(self, days: float = 3) -> None:
        """Days go by, and the cloud has another key."""
        self.wall += days * DAY
        self.epoch(NEXT, self.wall - DAY / 2)

    def come_up(self, frames: int = 1) -> None:
        self.delivery.link(True, 0)
        for _ in range(frames):
            self.delivery.tend(0)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(each.utterance for each in self.outbox.waiting()))

    def rows(self, *kinds: str) -> list[Row]:
        return [row for row in map(parse_row, self.outbox.rows()) if row.kind in kinds]

    def payloads(self, name: str) -> list[bytes]:
        seqs = [waiting.seq for waiting in self.outbox.waiting(name)]
        return [departure.payload for departure in self.outbox.depart(seqs, "again")]

    def opened(self, name: str, key: ReaderKey) -> Opened:
        begin, *segments, end = self.payloads(name)
        return open_utterance(begin, segments, end, key)


@contextmanager
def bench_at(path: Path, text: str = "", bounds: Bounds = Bounds()) -> Iterator[Bench]:  # noqa: B008
    bench = Bench(path, text, bounds)
    with closing(bench.outbox):
        yield bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as bench:
        yield bench


# -- what it becomes ---------------------------------------------------------------------------------


def test_the_new_one_says_the_same_and_is_for_the_present_readers(bench: Bench) -> None:
    was = bench.say(21, first=640)
    bench.later()
    bench.come_up()
    [new] = bench.names
    [row] = bench.rows("resealed")
    opened = bench.opened(new, NEXT)
    assert opened.pcm == bench.opened(new, OWNER).pcm == NOISE[2 * 640 : 2 * (640 + 21 * 320)]
    assert (opened.end.reason, opened.end.segments) == ("silence", 6)
    assert opened.header.ledger_index == row.index
    changed = {"utterance", "ledger_index", "readers"}
    for field in was.header.__struct_fields__:
        assert (getattr(opened.header, field) == getattr(was.header, field)) == (field not in changed)
    with pytest.raises(EnvelopeError):
        bench.opened(new, FIRST)


def test_what_the_microphone_lost_of_it_is_marked_as_before(bench: Bench) -> None:
    bench.say(lost=3_000)
    bench.later()
    bench.come_up()
    [new] = bench.names
    opened = bench.opened(new, NEXT)
    assert opened.gaps == (Gap(320, 3_000),)
    assert opened.pcm == NOISE[:640] + bytes(6_000) + NOISE[2 * 3_320 : 2 * (3_000 + 21 * 320)]


def test_both_rows_are_in_the_ledger_and_the_checkpoint_is_the_old_one(bench: Bench) -> None:
    was = bench.say(first=320)
    checkpoint = bench.outbox.checkpoint()
    bench.later()
    bench.resealer.anew(was.name)
    [new] = bench.names
    resealed, dropped = bench.rows("resealed", "dropped")
    assert (resealed.utterance, resealed.cause) == (new, was.name)
    assert (resealed.first_sample, resealed.samples) == (320, was.samples)
    assert (dropped.utterance, dropped.cause) == (was.name, "resealed")
    assert dropped.index == resealed.index + 1
    assert head_of_rows(bench.outbox)[0] == bench.outbox.size
    assert bench.opened(new, NEXT).end.checkpoint == checkpoint


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([80, 160, 400]), st.integers(0, 60), st.sampled_from([0.0, 2.0]))
def test_whatever_its_length_and_padding_it_opens_to_the_same_sound(
    tmp_path_factory: pytest.TempPathFactory, segment_ms: int, frames: int, pad_s: float
) -> None:
    text = f"pad_s = {pad_s}\n[audio]\nsegment_ms = {segment_ms}\n"
    with bench_at(tmp_path_factory.mktemp("bench"), text) as bench:
        capture = bench.say(frames)
        count = len(bench.outbox.waiting())
        bench.later()
        bench.come_up()
        [new] = bench.names
        assert new != capture.name
        assert len(bench.outbox.waiting()) == count
        assert bench.opened(new, NEXT).pcm == NOISE[: 640 * frames]


def test_it_can_be_sealed_anew_once_more(bench: Bench) -> None:
    was = bench.say()
    bench.later()
    [due] = bench.resealer.due()
    once = bench.resealer.anew(due)
    bench.wall += 3 * DAY
    bench.epoch(FIRST, bench.wall)
    [due] = bench.resealer.due()
    assert due == once
    twice = bench.resealer.anew(due)
    assert bench.names == [twice]
    assert [row.cause for row in bench.rows("resealed")] == [was.name, once]
    assert bench.opened(twice, FIRST).pcm == NOISE[: 640 * 21]


# -- whole or not at all -----------------------------------------------------------------------------


def test_the_disk_has_the_old_one_alone_until_it_has_the_new_one_alone(bench: Bench) -> None:
    was = bench.say()
    path = bench.path / "egress.db"
    before = seen_by_another(path)
    bench.later()
    looked = []

    def look(_: Iterator[Sealed]) -> None:
        looked.append(seen_by_another(path) == before)

    bench.watched.look = look
    [due] = bench.resealer.due()
    new = bench.resealer.anew(due)
    assert looked == [True] * 8
    rows, seqs = seen_by_another(path)
    assert [(row.kind, row.utterance) for row in rows[-2:]] == [("resealed", new), ("dropped", was.name)]
    assert not set(seqs) & set(before[1])
    assert len(seqs) == 8


@pytest.mark.parametrize("at", [0, 3, 7])
def test_what_is_damaged_on_the_way_stays_as_it_was_and_leaves_so(bench: Bench, at: int) -> None:
    was = bench.say()
    before = seen_by_another(bench.path / "egress.db")
    bench.later()
    seen = 0

    def look(_: Iterator[Sealed]) -> None:
        nonlocal seen
        seen += 1
        if seen == at + 1:
            raise EnvelopeError("x")

    bench.watched.look = look
    size = bench.outbox.stock.bytes
    assert bench.resealer.anew(was.name) == was.name
    assert seen_by_another(bench.path / "egress.db") == before
    assert (bench.outbox.stock.bytes, bench.outbox.size) == (size, len(before[0]))
    assert bench.data_keys.find(was.name) is not None
    seen = 0
    bench.come_up()
    assert bench.names == [was.name]
    assert {departure.seq for departure in bench.lorry.taken} == set(before[1])


@pytest.mark.parametrize("at", [0, 3, 7])
def test_what_a_disk_refuses_on_the_way_is_sealed_anew_when_it_takes_it(bench: Bench, at: int) -> None:
    was = bench.say()
    before = seen_by_another(bench.path / "egress.db")
    bench.later()
    refusals = 2

    def look(_: Iterator[Sealed]) -> None:
        nonlocal at, refusals
        at -= 1
        if at < 0 and refusals:
            refusals -= 1
            raise DiskError("x")

    bench.watched.look = look
    bench.come_up()
    assert bench.names == [was.name]
    assert seen_by_another(bench.path / "egress.db") == before, "and nothing of it has left"
    for five_s in range(1, 5):
        bench.delivery.tend(five_s * 80_000)
    assert refusals == 0
    [row] = bench.rows("resealed")
    assert bench.names == [row.utterance]
    assert {departure.row.utterance for departure in bench.lorry.taken} == {row.utterance}


def test_what_a_disk_has_no_room_to_seal_anew_keeps_nothing_else_from_leaving(bench: Bench) -> None:
    old = bench.say()
    bench.later()
    new = bench.say(9, first=10_000)

    def look(_: Iterator[Sealed]) -> None:
        raise DiskError("x")

    bench.watched.look = look
    bench.come_up()
    assert {departure.row.utterance for departure in bench.lorry.taken} == {new.name}
    assert bench.names == [old.name, new.name]


def test_a_segment_that_was_altered_on_the_card_leaves_it_as_it_was(bench: Bench) -> None:
    was = bench.say()
    bench.outbox._db.execute("UPDATE message SET payload = zeroblob(length(payload)) WHERE part = 2")
    bench.later()
    bench.come_up()
    assert bench.names == [was.name]
    assert not bench.rows("resealed", "dropped")


# -- which ones --------------------------------------------------------------------------------------


def test_not_before_the_time_that_the_owner_set_and_not_without_another_key(bench: Bench) -> None:
    bench.say()
    bench.wall += 2 * DAY
    assert bench.resealer.due() == [], "the known note is over: there is no key to seal to"
    bench.epoch(FIRST, bench.wall - DAY / 2)
    assert bench.resealer.due() == [], "the same key"
    bench.epoch(NEXT, bench.wall - DAY / 2)
    assert len(bench.resealer.due()) == 1
    bench.wall -= timedelta(seconds=1)
    assert bench.resealer.due() == []


@pytest.mark.parametrize("left", [1, 4, 8])
def test_not_if_anything_of_it_has_left(bench: Bench, left: int) -> None:
    was = bench.say()
    bench.outbox.depart([each.seq for each in bench.outbox.waiting()[:left]], "late")
    bench.later()
    bench.come_up()
    assert bench.names == [was.name]
    assert not bench.rows("resealed")


def test_not_while_it_has_no_end(bench: Bench) -> None:
    keys = bench.trust.at(bench.wall)
    assert keys is not None
    capture = bench.recorder.start(TAP, 0, keys)
    capture.release(0)
    feed(capture, 0, 9)
    bench.later()
    assert bench.resealer.due() == []
    bench.come_up()
    assert bench.names == [capture.name]


def test_not_after_a_restart(tmp_path: Path) -> None:
    with bench_at(tmp_path) as bench:
        was = bench.say()
    with bench_at(tmp_path) as bench:
        bench.later()
        bench.come_up()
        assert bench.names == [was.name]


# -- when --------------------------------------------------------------------------------------------


def test_one_at_a_time_and_none_of_them_leaves_before(bench: Bench) -> None:
    old = [bench.say(9, first=n * 10_000).name for n in range(3)]
    bench.later()
    bench.delivery.link(True, 0)
    for n in range(3):
        assert bench.delivery.moving
        assert len(bench.rows("resealed")) == n + 1
        assert not {departure.row.utterance for departure in bench.lorry.taken} & set(old)
        bench.delivery.tend(10**9)  # also when they are due to be asked about
    assert [row.cause for row in bench.rows("resealed")] == old
    assert bench.delivery.unacknowledged == 3
    for name in bench.names:
        bench.delivery.acknowledged(complete(name), 0)
    assert bench.delivery.unacknowledged == 0
    assert bench.names == []


def test_what_is_called_missing_and_never_left_does_not_leave_before_it_is_sealed_anew(bench: Bench) -> None:
    old = [bench.say(9, first=n * 10_000).name for n in range(3)]
    bench.later()
    bench.delivery.link(True, 0)
    bench.delivery.acknowledged(missing(old[2], (0, 9), begin=True, end=True), 0)
    for _ in range(4):
        bench.delivery.tend(0)
    assert [row.cause for row in bench.rows("resealed")] == old
    assert {departure.row.utterance for departure in bench.lorry.taken} == set(bench.names)


def test_a_line_that_goes_again_meanwhile_loses_nothing(bench: Bench) -> None:
    for n in range(3):
        bench.say(9, first=n * 10_000)
    bench.later()
    bench.delivery.link(True, 0)
    bench.delivery.link(False, 0)
    assert len(bench.names) == 3
    bench.come_up(3)
    assert len(bench.rows("resealed")) == 3
    assert {departure.row.utterance for departure in bench.lorry.taken} == set(bench.names)


def test_the_new_one_is_as_old_as_the_old_one(tmp_path: Path) -> None:
    bounds = Bounds(max_age_s=100)
    with bench_at(tmp_path, bounds=bounds) as bench:
        bench.say()
        bench.say(0, first=50 * 16_000)
        bench.later()
        bench.come_up(2)
        first, second = bench.names
        bench.delivery.tend(100 * 16_000)
        assert bench.names == [first, second]
        bench.delivery.tend(102 * 16_000)
        assert bench.names == [second]
        assert [row.utterance for row in bench.rows("dropped")][-1] == first


# -- keys --------------------------------------------------------------------------------------------


def test_no_disk_ever_has_a_data_key(bench: Bench) -> None:
    was = bench.say()
    bench.later()
    first = bench.data_keys.find(was.name)
    assert first is not None
    keys = [bytes(first.data_key)]
    written = [file.read_bytes() for file in bench.path.rglob("*") if file.is_file()]
    bench.come_up()
    [new] = bench.names
    second = bench.data_keys.find(new)
    assert second is not None
    keys.append(bytes(second.data_key))
    written += [file.read_bytes() for file in bench.path.rglob("*") if file.is_file()]
    begin, segment, *_ = bench.payloads(new)
    assert Begin.parse(begin).data_key(NEXT) == keys[1] != keys[0]
    assert any(segment[:1000] in content for content in written), "the search does find what is there"
    assert not [key for key in keys for content in written if key in content]


def gone_by_acknowledgement(bench: Bench, name: str) -> None:
    bench.delivery.acknowledged(complete(name), 0)


def gone_by_bound(bench: Bench, _name: str) -> None:
    bench.delivery.tend(10**9)


def gone_by_resealing(bench: Bench, _name: str) -> None:
    bench.later()
    bench.come_up()


@pytest.mark.parametrize("how", [gone_by_acknowledgement, gone_by_bound, gone_by_resealing])
def test_a_key_is_overwritten_and_forgotten_with_its_utterance(
    tmp_path: Path, how: Callable[[Bench, str], None]
) -> None:
    with bench_at(tmp_path, bounds=Bounds(max_age_s=60)) as bench:
        name = bench.say().name
        held = bench.data_keys.find(name)
        assert held is not None
        assert any(held.data_key)
        how(bench, name)
        assert name not in bench.names
        assert bench.data_keys.find(name) is None
        assert held.data_key == bytes(32)


def test_the_key_of_what_was_never_to_leave_is_overwritten_at_once(bench: Bench) -> None:
    with closing(SimBoard()) as board:
        around = Surroundings(bench.outbox, Voice(board.loudspeaker, 0.5), board.panel, nobody)
        turn = Turn(bench.recorder, bench.trust, around, lambda: bench.wall, earcon=False)
        assert turn.prepare(Trigger("wake_word", "alexa", 0.9, "ab" * 32))
        turn.begin(0)
        [row] = bench.rows("trigger")
        held = bench.data_keys.find(str(row.utterance))
        assert held is not None
        turn.drop(Event.REMOTE_STOP)
        assert held.data_key == bytes(32)
        assert bench.data_keys.find(str(row.utterance)) is None


def test_between_two_segments_nothing_is_in_the_clear(bench: Bench) -> None:
    was = bench.say()
    bench.later()
    looked = []

    def look(sealing: Iterator[Sealed]) -> None:
        held = sealing.gi_frame.f_locals
        looked.append("plain" in held and not any(held["plain"]))
        for value in held.values():
            if isinstance(value, bytes | bytearray):
                assert NOISE[: 2 * 16] not in value

    bench.watched.look = look
    bench.resealer.anew(was.name)
    assert looked == [False] + [True] * 7
