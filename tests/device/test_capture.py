"""From the trigger's row to the end record: what a capture writes down, keeps and lets go."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device.capture import Capture, Outside, Recorder
from device.config import Config, load
from device.delivery import Delivery
from device.envelope import Begin, Gap, ReaderKey, Trigger, open_utterance
from device.envelope import Utterance as Opened
from device.errors import ConfigError
from device.keys import load_or_make
from device.ledger import Row, Signer, parse_row
from device.outbox import Departure, Outbox
from device.session import Event
from device.trust import CloudKeys
from device.utterance import MOST_MISSING
from hardware.board import FRAME_SAMPLES, Frame

CLOUD = ReaderKey("x25519", b"c" * 32)
OWNER = ReaderKey("x25519", b"o" * 32)
KEYS = CloudKeys(
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    CLOUD.public,
    Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key(),
)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOISE = np.random.default_rng(2).integers(-9_000, 9_000, 200_000).astype("<i2").tobytes()
TAP = Trigger("button_tap")


class Lorry:
    """A carrier whose road is open: it remembers what was handed to it."""

    def __init__(self) -> None:
        self.taken: list[Departure] = []

    def publish(self, departure: Departure) -> None:
        self.taken.append(departure)


def config_with(path: Path, text: str) -> Config:
    settings_file = path / "my.toml"
    settings_file.write_text(f'[device]\nstate_dir = "state"\n[privacy]\nreader_suite = "x25519"\n{text}')
    return load(settings_file)


class Bench:
    """A recorder with everything it needs but a microphone. Its random bytes count up."""

    def __init__(self, path: Path, text: str = "") -> None:
        config = config_with(path, text)
        self.identity = load_or_make(Path(config.device.state_dir), "x25519")
        signer = Signer(self.identity.device, self.identity.signing)
        self.outbox = Outbox(path / "egress.db", signer)
        self.lorry = Lorry()
        self.delivery = Delivery(self.outbox, self.lorry, 64, 160_000)
        self._drawn = 0
        self.recorder = Recorder(
            config, self.identity, "boot", self.outbox, self.delivery, Outside(lambda: NOW, self.draw)
        )

    def draw(self, count: int) -> bytes:
        self._drawn += 1
        return bytes([self._drawn]) * count

    def rows(self) -> list[Row]:
        return [parse_row(row) for row in self.outbox.rows()]

    def opened(self, capture: Capture, key: ReaderKey) -> Opened:
        begin, *segments, end = self.payloads(capture)
        return open_utterance(begin, segments, end, key)

    def payloads(self, capture: Capture) -> list[bytes]:
        seqs = [waiting.seq for waiting in self.outbox.waiting() if waiting.utterance == capture.name]
        return [departure.payload for departure in self.outbox.depart(seqs, "again")]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, f'owner_reader = "{OWNER.public.encode()}"\n')
    yield bench
    bench.outbox.close()


def frame(index: int) -> Frame:
    return Frame(index, NOISE[2 * index : 2 * (index + FRAME_SAMPLES)])


def feed(capture: Capture, first: int, count: int) -> list[Event | None]:
    return [capture.hear(frame(first + n * FRAME_SAMPLES)) for n in range(count)]


def test_the_trigger_is_written_down_before_anything_is_sealed(bench: Bench) -> None:
    capture = bench.recorder.start(TAP, 640, KEYS)
    (row,) = bench.rows()
    assert (row.kind, row.utterance, row.first_sample, row.cause) == (
        "trigger",
        capture.name,
        640,
        "button_tap",
    )
    assert capture.header.ledger_index == row.index
    assert bench.outbox.waiting() == []


def test_the_header_says_who_can_open_it_and_what_the_owner_allows(tmp_path: Path) -> None:
    bench = Bench(tmp_path, f'owner_reader = "{OWNER.public.encode()}"\nsave = true\n')
    header = bench.recorder.start(Trigger("wake_word", "alexa", 0.9, "ab" * 32), 640, KEYS).header
    assert [(reader.name, reader.id) for reader in header.readers] == [
        ("cloud", CLOUD.public.id),
        ("owner", OWNER.public.id),
    ]
    assert (header.consent.save, header.consent.review) == (True, False)
    assert (header.device, header.boot, header.utc) == (bench.identity.device, "boot", "2026-01-31T12:00:00Z")
    assert (header.first_sample, header.trigger.word) == (640, "alexa")
    bench.outbox.close()


def test_without_an_owner_key_the_cloud_is_the_only_reader(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    header = bench.recorder.start(TAP, 640, KEYS).header
    assert [reader.name for reader in header.readers] == ["cloud"]
    bench.outbox.close()


def test_an_owner_key_that_is_none_is_a_setting_to_mend(tmp_path: Path) -> None:
    bench, config = Bench(tmp_path), config_with(tmp_path, 'owner_reader = "x25519:nonsense"\n')
    outside = Outside(lambda: NOW, bench.draw)
    with pytest.raises(ConfigError, match=r"^privacy\.owner_reader: [^;\n]+; [^\n]+[^.\n]$"):
        Recorder(config, bench.identity, "boot", bench.outbox, bench.delivery, outside)
    bench.outbox.close()


def test_nothing_is_kept_or_sent_before_the_release(bench: Bench) -> None:
    bench.delivery.link(True, 0)
    capture = bench.recorder.start(TAP, 0, KEYS)
    feed(capture, 0, 20)
    assert bench.outbox.waiting() == []
    assert bench.lorry.taken == []
    capture.release(6_400)
    assert [departure.row.kind for departure in bench.lorry.taken] == ["begin"] + ["segment"] * 5


def test_a_dropped_capture_leaves_only_its_trigger(bench: Bench) -> None:
    bench.delivery.link(True, 0)
    capture = bench.recorder.start(TAP, 0, KEYS)
    feed(capture, 0, 21)
    capture.drop()
    assert [row.kind for row in bench.rows()] == ["trigger"]
    assert (bench.outbox.waiting(), bench.lorry.taken) == ([], [])


def test_after_the_release_every_segment_leaves_with_the_frame_that_completes_it(bench: Bench) -> None:
    bench.delivery.link(True, 0)
    capture = bench.recorder.start(TAP, 0, KEYS)
    capture.release(0)
    left = []
    for n in range(8):
        capture.hear(frame(n * FRAME_SAMPLES))
        left.append(len(bench.lorry.taken) - 1)
    assert left == [0, 0, 0, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("reader", [CLOUD, OWNER])
def test_every_named_reader_opens_what_was_heard(bench: Bench, reader: ReaderKey) -> None:
    capture = bench.recorder.start(TAP, 640, KEYS)
    feed(capture, 0, 3)
    capture.release(960)
    feed(capture, 960, 20)
    capture.end("silence", str, 7_360)
    opened = bench.opened(capture, reader)
    assert opened.pcm == NOISE[2 * 640 : 2 * 7_360]
    assert opened.end.reason == "silence"


def test_rows_name_the_samples_that_each_segment_holds(bench: Bench) -> None:
    bench.delivery.link(True, 0)
    capture = bench.recorder.start(TAP, 640, KEYS)
    capture.release(640)
    feed(capture, 640, 9)
    capture.end("cancelled", str, 3_520)
    spans = [(row.segment, row.first_sample, row.samples) for row in bench.rows() if row.kind == "segment"]
    assert spans == [(0, 640, 1_280), (1, 1_920, 1_280), (2, 3_200, 320)]


def test_frames_before_the_first_sample_are_neither_kept_nor_counted(bench: Bench) -> None:
    capture = bench.recorder.start(TAP, 160_000, KEYS)
    assert feed(capture, 0, 500) == [None] * 500
    assert capture.samples == 0
    assert capture.hear(frame(160_000)) is None
    assert capture.samples == FRAME_SAMPLES


def test_what_is_missing_is_a_gap_and_the_utterance_goes_on(bench: Bench) -> None:
    capture = bench.recorder.start(TAP, 0, KEYS)
    capture.release(0)
    assert feed(capture, 0, 2) == [None, None]
    assert feed(capture, 2_007, 3) == [None] * 3
    capture.end("released", bench.outbox.checkpoint, 2_967)
    opened = bench.opened(capture, CLOUD)
    assert opened.gaps == (Gap(640, 1_367),)
    assert opened.pcm == NOISE[:1_280] + bytes(2 * 1_367) + NOISE[2 * 2_007 : 2 * 2_967]
    spans = [(row.segment, row.first_sample, row.samples) for row in bench.rows() if row.kind == "segment"]
    assert spans == [(0, 0, 1_280), (1, 1_280, 1_280), (2, 2_560, 407)]


@pytest.mark.parametrize("index", [640 + MOST_MISSING + 1, 320, 639])
def test_too_much_that_is_missing_or_a_step_back_is_a_lost_microphone(bench: Bench, index: int) -> None:
    capture = bench.recorder.start(TAP, 0, KEYS)
    assert feed(capture, 0, 2) == [None, None]
    assert capture.hear(frame(index)) is Event.MIC_LOST
    assert capture.samples == 640


def test_what_is_missing_is_told_once(bench: Bench) -> None:
    capture = bench.recorder.start(TAP, 0, KEYS)
    feed(capture, 0, 2)
    assert capture.skip(1_000) is None
    assert capture.samples == 1_000
    assert capture.skip(1_000) is None
    assert capture.hear(frame(1_000)) is None
    assert capture.samples == 1_320


@pytest.mark.parametrize("gap", [1, 319, 4_000])
def test_what_is_missing_counts_as_time_and_nothing_goes_beyond_the_maximum(bench: Bench, gap: int) -> None:
    capture = bench.recorder.start(Trigger("button_hold"), 0, KEYS)
    feed(capture, 0, 10)
    heard = feed(capture, 3_200 + gap, 500)
    assert heard.index(Event.MAX_DURATION) == 489 - -(-gap // 320)
    capture = bench.recorder.start(Trigger("button_hold"), 0, KEYS)
    feed(capture, 0, 499)
    assert capture.skip(499 * FRAME_SAMPLES + gap) is Event.MAX_DURATION
    assert capture.samples == 499 * FRAME_SAMPLES


def test_what_is_missing_counts_as_silence_unless_speech_goes_on_after_it(bench: Bench) -> None:
    for said, then, ends in ((NOISE, bytes(640), Event.SILENCE), (NOISE, NOISE[:640], None)):
        capture = bench.recorder.start(TAP, 0, KEYS)
        for n in range(50):
            capture.hear(Frame(n * FRAME_SAMPLES, said[640 * n : 640 * (n + 1)]))
        for n in range(50, 75):
            assert capture.hear(Frame(n * FRAME_SAMPLES, bytes(640))) is None
        assert capture.hear(Frame(75 * FRAME_SAMPLES + MOST_MISSING, then)) is ends


def test_a_held_button_waits_for_the_hand_and_a_tap_for_speech(bench: Bench) -> None:
    silence = [Frame(n * FRAME_SAMPLES, bytes(640)) for n in range(500)]
    tapped = bench.recorder.start(TAP, 0, KEYS)
    held = bench.recorder.start(Trigger("button_hold"), 0, KEYS)
    assert [tapped.hear(each) for each in silence[:200]][-1] is Event.NO_SPEECH
    assert [held.hear(each) for each in silence] == [None] * 499 + [Event.MAX_DURATION]


def test_every_utterance_draws_a_name_and_a_key_of_its_own(bench: Bench) -> None:
    bench.delivery.link(True, 0)
    one, two = (bench.recorder.start(TAP, 0, KEYS) for _ in range(2))
    assert one.name != two.name
    for capture in (one, two):
        capture.release(0)
    first, second = (Begin.parse(bench.payloads(capture)[0]).data_key(CLOUD) for capture in (one, two))
    assert first != second


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([80, 160, 240, 320, 400]), st.integers(0, 60))
def test_every_message_of_an_utterance_has_one_length(
    tmp_path_factory: pytest.TempPathFactory, segment_ms: int, count: int
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"), f"[audio]\nsegment_ms = {segment_ms}\n")
    capture = bench.recorder.start(TAP, 0, KEYS)
    capture.release(0)
    feed(capture, 0, count)
    capture.end("released", bench.outbox.checkpoint, count * FRAME_SAMPLES)
    _, *segments, _ = bench.payloads(capture)
    assert {len(segment) for segment in segments} == {4 + 2 + 16 + segment_ms * 32 + 16}
    assert bench.opened(capture, CLOUD).pcm == NOISE[: 2 * count * FRAME_SAMPLES]
    assert capture.header.segment_samples == segment_ms * 16
    bench.outbox.close()
