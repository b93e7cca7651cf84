"""A speaker that was cut off for longer than the cloud's reader key lives, over a real broker: what waited is
sealed anew and opened, and what can't be sealed anew is opened within the grace or ends with a row.

Both ends are the real ones; their wall clocks are the test's.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import msgspec
import pytest

from cloud_stub.broker import find_mosquitto, open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.whose import Whose
from device.assemble import assemble
from device.config import load
from device.envelope import Begin, ReaderKey, open_utterance
from device.ledger import Row, parse_row
from hardware.board import RATE_HZ
from hardware.sim import SimBoard
from tests.cloud_stub.clocks import Running
from tests.cloud_stub.conftest import settings
from tests.cloud_stub.test_cloud import Echo

pytestmark = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")

BEGAN = datetime(2026, 1, 31, tzinfo=UTC)
DAY = timedelta(days=1)
OWNER = ReaderKey("x25519", b"o" * 32)
PATIENCE_S = 30.0


class Sent(NamedTuple):
    """The messages of one utterance, as the broker passed them on."""

    begin: list[bytes]
    segment: list[bytes]
    end: list[bytes]


class Eyes:
    """What the cloud was sent, by utterance."""

    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}

    def arrived(self, topic: str, payload: bytes) -> None:
        parts = topic.split("/")
        if "utterance" in parts:
            getattr(self.sent.setdefault(parts[-2], Sent([], [], [])), parts[-1]).append(payload)

    def heard(self, whose: Whose, words: object) -> None:
        pass


class Home:
    """A speaker and its cloud, with a broker between them that can go away."""

    def __init__(self, path: Path, stack: ExitStack, more: str = "") -> None:
        self.wall, self.running = BEGAN, Running()
        self.broker = stack.enter_context(open_broker("mosquitto", 0, path / "broker"))
        config = settings(path / "cloud")
        config = msgspec.structs.replace(
            config, broker=msgspec.structs.replace(config.broker, backoff_min_s=0.05, backoff_max_s=0.2)
        )
        self.eyes, self.mind = Eyes(), Echo()
        address = ("127.0.0.1", self.broker.port)
        self.cloud = Cloud(config, address, self.mind, lambda: self.wall, self.eyes, self.running)
        stack.callback(self.cloud.stop)
        self.cloud.start()
        (path / "keys.note").write_text(self.cloud.keys.note(self.wall))
        (path / "my.toml").write_text(
            f'{more}device.state_dir = "state"\n'
            f'cloud = {{ root = "{self.cloud.keys.vkey}", keys = "keys.note" }}\n'
            f"uplink = {{ port = {self.broker.port}, backoff_min_s = 0.05, backoff_max_s = 0.2 }}\n"
            f'[privacy]\nsave = true\nreader_suite = "x25519"\nowner_reader = "{OWNER.public.encode()}"\n'
        )
        self.board = SimBoard(noise_floor=500)
        self.told: list[tuple[str, dict[str, object]]] = []
        self.speaker = assemble(load(path / "my.toml"), self.board, self._told, lambda: self.wall)
        stack.callback(self.speaker.finish)
        self.first_note = self.cloud.keys.epoch(self.wall)
        self.speaker.start()

    def _told(self, kind: str, _sample: int, /, **fields: object) -> None:
        self.told.append((kind, fields))

    def of(self, kind: str) -> list[dict[str, object]]:
        return [fields for told, fields in self.told if told == kind]

    def until(self, done: Callable[[], bool]) -> None:
        """Let frames go by, with time for the network between them, until it is so."""
        late = monotonic() + PATIENCE_S
        while not done():
            assert monotonic() < late, "nothing came of it"
            arrived = self.speaker.parts.line.arrived
            arrived.wait(0.002)
            arrived.clear()
            self.speaker.pass_frame()

    def go(self, seconds: float) -> None:
        """Let the room go on, without a moment for the network."""
        for _ in range(round(seconds * 50)):
            self.speaker.pass_frame()

    def tap(self) -> str:
        """Tap, and say nothing until it gives up; return the id of what was kept."""
        before = len(self.of("utterance"))
        self.board.tap()
        while len(self.of("utterance")) == before:
            self.speaker.pass_frame()
        return str(self.of("utterance")[-1]["id"])

    def go_offline(self) -> None:
        self.broker.stop()
        self.until(lambda: not self.speaker.parts.line.up)

    def sleep(self, days: float) -> None:
        """All clocks go on, that of the speaker's samples too, and the cloud works meanwhile; of each half
        day the speaker hears one frame.
        """
        over = self.wall + days * DAY
        while self.wall < over:
            passed = min(DAY / 2, over - self.wall)
            self.wall += passed
            self.running.days(passed / DAY)
            self.board._world.now += round(passed.total_seconds()) * RATE_HZ
            self.speaker.pass_frame()
            self.cloud.tick()

    def come_back(self) -> None:
        self.broker.start()
        self.until(lambda: self.speaker.parts.line.up)

    @property
    def waiting(self) -> set[str]:
        return {each.utterance for each in self.speaker.parts.outbox.waiting()}

    def rows(self, *kinds: str) -> list[Row]:
        return [row for row in map(parse_row, self.speaker.parts.outbox.rows()) if row.kind in kinds]

    def opened(self, utterance: str, key: ReaderKey) -> bytes:
        """What was sent of an utterance, opened by somebody with a reader's key."""
        sent = self.eyes.sent[utterance]
        return open_utterance(sent.begin[0], sent.segment, sent.end[0], key).pcm

    def header(self, utterance: str):
        return Begin.parse(self.eyes.sent[utterance].begin[0]).header


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("days", [2.5, 9.5], ids=["within the grace", "beyond the grace"])
def test_what_waited_for_longer_than_a_reader_key_lives_is_sealed_anew_and_acknowledged(
    tmp_path: Path, stack: ExitStack, days: float
) -> None:
    home = Home(tmp_path, stack)
    home.go_offline()
    old = home.tap()
    kept = home.of("utterance")[0]
    home.sleep(days)
    assert home.first_note.path.exists() == (days < 8)
    home.come_back()
    home.until(lambda: not home.waiting)

    [row] = home.rows("resealed")
    new = str(row.utterance)
    assert (row.cause, row.first_sample, row.samples) == (old, kept["first_sample"], kept["samples"])
    assert [(r.utterance, r.cause) for r in home.rows("dropped")] == [(old, "resealed")]
    assert home.of("resealed") == [{"id": new, "was": old}]
    assert {"id": new, "state": "complete"} in home.of("ack")
    assert set(home.eyes.sent) == {new}
    header = home.header(new)
    assert (header.ledger_index, header.utc) == (row.index, "2026-01-31T00:00:00Z")
    assert (header.first_sample, header.trigger.kind) == (kept["first_sample"], "button_tap")
    epoch = home.cloud.keys.epoch(home.wall)
    assert [reader.id for reader in header.readers] == [epoch.key.public.id, OWNER.public.id]
    pcm = home.opened(new, OWNER)
    assert home.opened(new, epoch.key) == pcm
    whose = Whose(header.device, new)
    assert home.cloud.vault.open(whose, "test", "compare", home.wall).pcm == pcm
    assert len(pcm) == 2 * int(str(kept["samples"])) > RATE_HZ
    assert any(pcm)
    assert not home.cloud.ingest.refused


def test_what_is_sealed_to_the_present_key_or_to_one_just_over_leaves_as_it_is(
    tmp_path: Path, stack: ExitStack
) -> None:
    home = Home(tmp_path, stack)
    home.go_offline()
    old = home.tap()
    home.sleep(1.5)
    home.board.tap()
    home.go(1)
    assert [row.cause for row in home.rows("refused")] == ["no_key"], "the note that it knows is over"
    home.come_back()
    home.until(lambda: not home.waiting)
    assert set(home.eyes.sent) == {old}
    assert not home.rows("resealed", "dropped")


def test_what_had_left_in_part_is_not_sealed_anew_and_still_opens_within_the_grace(
    tmp_path: Path, stack: ExitStack
) -> None:
    home = Home(tmp_path, stack)
    home.until(lambda: home.speaker.parts.line.up)
    home.board.tap()
    home.until(lambda: len(home.rows("segment")) > 3)
    home.go_offline()
    old = home.tap() if not home.of("utterance") else str(home.of("utterance")[0]["id"])
    assert home.waiting == {old}
    home.sleep(4)
    home.come_back()
    home.until(lambda: not home.waiting)
    assert {"id": old, "state": "complete"} in home.of("ack")
    assert not home.rows("resealed", "dropped")


def test_without_being_sealed_anew_it_is_lost_beyond_the_grace_and_a_row_says_so(
    tmp_path: Path, stack: ExitStack
) -> None:
    """What a speaker that was restarted does: it has no key to seal anew with."""
    home = Home(tmp_path, stack)
    home.speaker.parts.delivery.reseal = None
    home.go_offline()
    old = home.tap()
    home.sleep(9.5)
    home.come_back()
    home.until(lambda: home.cloud.ingest.refused["no_reader"] > 0)
    assert home.cloud.vault.find(Whose(home.speaker.parts.device, old)) is None
    assert home.waiting == {old}
    asked = len(home.rows("begin"))
    home.go(60)
    assert len(home.rows("begin")) - asked < 10, "asks ever more rarely"
    home.sleep(4)
    assert home.waiting == {old}
    home.sleep(1)
    assert not home.waiting
    assert [(row.utterance, row.cause) for row in home.rows("dropped")] == [(old, "outbox_age")]


def test_several_are_sealed_anew_in_order_one_a_frame_and_leave_after_that(
    tmp_path: Path, stack: ExitStack
) -> None:
    home = Home(tmp_path, stack)
    home.go_offline()
    old = [home.tap() for _ in range(3)]
    home.sleep(2.5)
    home.come_back()
    home.until(lambda: not home.waiting)
    rows = home.rows("resealed")
    assert [row.cause for row in rows] == old
    assert [home.header(str(row.utterance)).ledger_index for row in rows] == [row.index for row in rows]
    assert len(home.cloud.vault.utterances()) == 3
