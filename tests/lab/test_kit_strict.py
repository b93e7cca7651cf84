"""What the kit does not let pass: tests of nothing, slips of the pen, screens full of bytes, log lines."""

import logging
import re
import socket
from pathlib import Path
from threading import Thread

import pytest

from cloud_stub.loopback import HOST
from device.witness import KINDS
from lab.kit.broker import MockBroker
from lab.kit.cloud import Heard, StubCloud
from lab.kit.errors import KitError, NotSeen
from lab.kit.home import Home
from lab.kit.keys import IngestKeys
from lab.kit.publish import publish
from lab.kit.speaker import SimSpeaker

DEVICE = Path(__file__).resolve().parents[2] / "device"


# -- a test of nothing -----------------------------------------------------------------------------


def test_where_nothing_was_said_nothing_is_acknowledged(
    speaker: SimSpeaker, home: Home, cloud: StubCloud
) -> None:
    home.until("online")
    with pytest.raises(
        NotSeen, match=r"acknowledged did not come .* messages waiting: 0, .* kept: 0, acknowledged: 0"
    ):
        home.until("acknowledged", within_s=0.2)
    speaker.hold(0.5)
    home.until("acknowledged", within_s=5)
    assert speaker.acknowledged == [each.id for each in cloud.utterances()] != []


def test_to_be_asked_for_more_is_not_to_be_acknowledged(
    speaker: SimSpeaker, home: Home, broker: MockBroker, ingest_keys: IngestKeys
) -> None:
    home.until("online")
    speaker.hold(0.5)
    (kept,) = speaker.said("utterance")
    more = ingest_keys.missing(speaker.device, kept["id"], [[0, 0]])
    speaker.hear_from(more.topic, lambda: publish(broker.port, *more, retain=False))
    home.quiet(0.1)
    assert [each["state"] for each in speaker.said("ack")] == ["missing"]
    assert speaker.acknowledged == []


# -- a slip of the pen -----------------------------------------------------------------------------


def test_a_kind_that_is_never_told_cannot_be_asked_for(speaker: SimSpeaker, ingest_keys: IngestKeys) -> None:
    assert ingest_keys.root
    for slip in ("nonsense", "utterances", "score"):
        with pytest.raises(KitError, match=rf"said '{slip}': no such kind; one of ack, answer, .*verified"):
            speaker.said("link", slip)


def test_the_kinds_are_those_that_the_firmware_tells() -> None:
    told: set[str] = set()
    for path in DEVICE.rglob("*.py"):
        told |= set(re.findall(r'tell\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert told == KINDS


def test_there_are_two_brokers_to_choose_from(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="broker 'emqx': no such broker; one of auto, mosquitto, amqtt"):
        MockBroker(tmp_path, "emqx")


def test_a_cut_is_asked_for_in_one_way(broker: MockBroker) -> None:
    with pytest.raises(KitError, match="after_bytes of which PUBLISH"):
        broker.cut(after_bytes=7)
    with pytest.raises(KitError, match="not both"):
        broker.cut(after_publishes=3, within_publish=3)


# -- a screen full of bytes, a stray log line ------------------------------------------------------


def test_a_failing_assertion_shows_how_long_the_sound_is_and_not_the_sound() -> None:
    heard = Heard("abc", "ovh-x", "complete", "button_tap", "silence", b"\x07\x01" * 16_000, "stop", None)
    assert repr(heard) == (
        "Heard(id='abc', device='ovh-x', state='complete', trigger='button_tap', reason='silence', "
        "pcm=<16000 samples>, heard='stop', answer=None, gaps=())"
    )
    assert "pcm=None" in repr(heard._replace(pcm=None))


def test_a_test_with_keys_of_its_own_logs_no_error(
    speaker: SimSpeaker, home: Home, ingest_keys: IngestKeys, caplog: pytest.LogCaptureFixture
) -> None:
    home.until("online")
    speaker.hold(0.5)
    assert ingest_keys.root
    logged = [*caplog.get_records("setup"), *caplog.records]
    assert [record.getMessage() for record in logged if record.levelno >= logging.ERROR] == []


def test_what_nobody_confirms_is_not_published() -> None:
    with socket.create_server((HOST, 0)) as silent:

        def hang_up() -> None:
            silent.accept()[0].close()

        Thread(target=hang_up, daemon=True).start()
        with pytest.raises(NotSeen, match="did not confirm it"):
            publish(silent.getsockname()[1], "up/x", b"x", retain=False)
