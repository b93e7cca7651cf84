"""The cloud among hostile devices, its own faults, and in the middle of things."""

import sqlite3
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import paho.mqtt.client as paho
import pytest

from cloud_stub.__main__ import main
from cloud_stub.cloud import Cloud
from cloud_stub.config import load
from cloud_stub.errors import ConfigError
from cloud_stub.mail import MOST
from device.envelope import Begin, ReaderPublic, device_id
from tests.cloud_stub.clocks import Running

NOBODY = ("127.0.0.1", 1)


class Told:
    """A mind that means what it was told to mean, and looks at the cloud's vault while it answers."""

    def __init__(self, intent="none"):
        self.intent = intent
        self.asked = 0

    def answer(self, _pcm):
        self.asked += 1
        if self.intent == "fault":
            raise RuntimeError("out of my mind")
        return SimpleNamespace(heard="words", intent=self.intent, text="An answer.", actions=[], pcm=b"")


@pytest.fixture
def config(other):
    other.vault.close()
    return other.config


def given(cloud, spoken, at):
    for topic, payload in spoken.messages:
        cloud.ingest.take(topic, payload, at)


def test_a_device_whose_answers_nobody_can_seal_costs_nobody_else_theirs(config, voice, other, now):
    hostile = type(voice)()
    low = ReaderPublic("x25519", bytes(32))  # a point of low order: a key to look at, but not to seal to
    hostile.reply = SimpleNamespace(public=low)
    hostile.device = device_id(hostile.public, low)
    mind = Told()
    cloud = Cloud(config, NOBODY, mind, clock=lambda: now)
    for speaker in (hostile, voice):
        spoken = speaker.say(other.reader)
        given(cloud, spoken, now)
        cloud.answer(spoken.whose)
    assert mind.asked == 2
    assert [held.answered for held in cloud.vault.utterances()] == [True, True]
    cloud.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_its_own_ends_the_cloud_and_is_not_called_success(config, voice, other, now):
    cloud = Cloud(config, NOBODY, Told("fault"), clock=lambda: now)
    given(cloud, voice.say(other.reader), now)
    cloud.up.set()
    cloud._threads[0].start()
    assert cloud.over.wait(20)
    assert cloud.failure is not None
    assert cloud.failure.exit_code == 1
    assert "\n" not in str(cloud.failure)
    cloud.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_cloud_that_can_take_no_more(config, voice, other, now):
    cloud = Cloud(config, NOBODY, Told(), clock=lambda: now)
    with closing(sqlite3.connect(config.storage.vault / "vault.sqlite")) as db:
        db.execute("DROP TABLE piece")
    begin = voice.say(other.reader).messages[0]

    def bring():
        for _ in range(2 * MOST):
            cloud._take(*begin)

    cloud._threads[-1].start()  # whoever takes the mail
    bringing = threading.Thread(target=bring, daemon=True)
    bringing.start()
    assert cloud.over.wait(20)
    bringing.join(20)
    assert not bringing.is_alive()
    cloud.stop()


def test_what_asked_to_be_deleted_is_gone_before_anybody_is_told_so(config, voice, other, now):
    told: list[list[str]] = []

    class Listening(Cloud):
        def _publish(self, *_, **__):
            told.append([held.state for held in self.vault.utterances()])

    mind = Told()
    cloud = Listening(config, NOBODY, mind, clock=lambda: now)
    for intent, at in (("none", now), ("delete_last", now + timedelta(seconds=1))):
        mind.intent = intent
        spoken = voice.say(other.reader)
        given(cloud, spoken, at)
        cloud.answer(spoken.whose)
    assert told == [["complete"], ["forgotten", "forgotten"]]
    cloud.stop()


def test_what_was_said_before_goes_by_the_order_of_speaking_whatever_the_clock_says(
    config, voice, other, now
):
    cloud = Cloud(config, NOBODY, Told("delete_last"), clock=lambda: now)
    first, before, asks, late = (voice.say(other.reader) for _ in range(4))
    for spoken, hours in ((first, 6), (late, 5), (before, 9), (asks, 7)):  # the clock was set back and forth
        given(cloud, spoken, now + timedelta(hours=hours))
    cloud.answer(asks.whose)
    states = [cloud.vault.find(spoken.whose).state for spoken in (first, before, asks, late)]
    assert states == ["complete", "forgotten", "forgotten", "complete"]
    assert cloud.vault.find(before.whose).ledger_index == Begin.parse(before.begin).header.ledger_index
    cloud.stop()


def test_a_reader_key_is_destroyed_after_its_grace_without_a_link_too(config, now):
    clock, running = [now], Running()
    cloud = Cloud(config, NOBODY, Told(), clock=lambda: clock[0], running=running)
    old = cloud.keys.epoch(now).path
    for day in range(1, 9):
        assert old.exists()
        clock[0] = now + timedelta(days=day)
        running.days(1)
        cloud.tick()
    assert not old.exists()
    cloud.stop()


@pytest.mark.parametrize(
    "text",
    [
        "[answer]\nwithin_s = inf",
        "[ingest]\ntruncated_after_s = 1e20",
        "[ingest]\nunsaved_kept_s = nan",
        "[keys]\ngrace_s = 1000000000000",
    ],
)
def test_a_time_that_no_calendar_holds_is_refused_in_the_settings(tmp_path, text):
    (tmp_path / "my.toml").write_text(text + "\n")
    with pytest.raises(ConfigError):
        load(tmp_path / "my.toml")


def test_the_longest_times_allowed_can_be_counted_with(tmp_path):
    longest = 10 * 366 * 86_400
    (tmp_path / "my.toml").write_text(
        f"[answer]\nwithin_s = {longest}\n"
        f"[ingest]\ntruncated_after_s = {longest}\nunsaved_kept_s = {longest}\n"
        f"[keys]\ngrace_s = {longest}\n"
    )
    cloud = Cloud(load(tmp_path / "my.toml"), NOBODY, Told(), clock=lambda: datetime.now(UTC))
    cloud.tick()
    cloud.tick()
    assert len(list(tmp_path.rglob("reader-*.key"))) == 1
    cloud.stop()


@pytest.mark.parametrize("kind", ["auto", "amqtt"])
def test_a_place_that_cannot_be_written_is_one_line_and_an_exit_code(tmp_path, monkeypatch, capsys, kind):
    (tmp_path / "overheard-cloud").write_text("a file, and no directory")
    (tmp_path / "my.toml").write_text(f'[broker]\nport = 0\nkind = "{kind}"\n')
    monkeypatch.setattr(sys, "argv", ["overheard-cloud", "run", "--config", str(tmp_path / "my.toml")])
    assert main() in (3, 5)
    printed = capsys.readouterr().err
    assert printed.startswith("overheard-cloud: ")
    assert printed.count("\n") == 1


def test_a_topic_that_is_no_text_is_counted_like_any_other_that_is_not_ours(config):
    cloud = Cloud(config, NOBODY, Told())
    message = paho.MQTTMessage(1, b"overheard/v1/\xff/up/status")
    message.payload = b""
    cloud._link._make_client(paho.MQTTv311)._handle_on_message(message)
    cloud._threads[-1].start()  # whoever takes the mail
    assert cloud.settled.wait(20)
    assert cloud.ingest.refused == {"topic": 1}
    cloud.stop()
