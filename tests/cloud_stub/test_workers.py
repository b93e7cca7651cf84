"""Several workers share what devices send, and lose nothing when one is killed. Real processes, a real
broker.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_stub.__main__ import app
from cloud_stub.broker import open_broker
from cloud_stub.crew import TRIES, WELL, Crew
from cloud_stub.database import Database
from cloud_stub.errors import ConfigError, KeyFileError, StorageError
from cloud_stub.keys import Keys
from cloud_stub.loopback import free_port
from cloud_stub.vault import Vault
from cloud_stub.worker import AT_ONCE, MOST_MAIL, Worker
from device.envelope import downlink, topics
from tests.cloud_stub.conftest import Voice, settings
from tests.postgres import installed, postgres

pytestmark = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed")
WORKERS, TALKERS, SAID = 3, 10, 3


class Devices:
    """Everybody who talks, on one connection, and the acknowledgements that came."""

    def __init__(self, port, public):
        self.acks = {}
        self.public = public
        five = MQTTProtocolVersion.MQTTv5
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "devices", protocol=five)
        self.client.max_inflight_messages_set(50)
        self.client.on_message = self._acknowledged
        self.client.on_connect = lambda *_: self.client.subscribe(f"{topics.ROOT}/+/down/ack", qos=1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _acknowledged(self, _client, _userdata, message):
        body, _ = downlink.open("ack", message.payload, self.public)
        self.acks[body["utterance"]] = body["state"]

    def complete(self):
        return sum(state == "complete" for state in list(self.acks.values()))

    def say(self, messages):
        for topic, payload in messages:
            self.client.publish(topic, payload, qos=1)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def server(tmp_path):
    if not installed():
        pytest.skip("postgresql is not installed, or this is not root")
    with postgres(tmp_path / "server") as (url, _):
        yield url


def wait_for(true, limit_s=60.0):
    """Until something that other processes do has been done."""
    until = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_three_share_the_load_and_one_that_is_killed_loses_nothing(tmp_path, server):
    config = settings(tmp_path / "cloud")
    keys, now = Keys(config.storage.keys, config.keys), datetime.now(UTC)
    reader, utc = keys.epoch(now).key.public, now.strftime("%Y-%m-%dT%H:%M:%SZ")
    file = tmp_path / "cloud.toml"
    storage = f'[storage]\ndirectory = "cloud"\ndatabase = "{server}"\n'
    file.write_text(storage + '[broker]\nkind = "none"\nport = 1\n[keys]\nsuite = "x25519"\n')
    spoken = [
        voice.say(reader, 12, utc=utc) for voice in [Voice() for _ in range(TALKERS)] for _ in range(SAID)
    ]
    letters = [one for each in zip(*(said.messages for said in spoken), strict=True) for one in each]
    half = len(letters) // 2
    broker = open_broker("mosquitto", free_port(), tmp_path / "broker")
    with broker, closing(Vault(config.storage.vault, server)) as vault:
        crew, devices = Crew(WORKERS, broker.port, file), Devices(broker.port, keys.signer.public_key())
        crew.start()
        try:
            wait_for(
                lambda: devices.say(letters[:1]) or len(vault.utterances()) > 0
            )  # somebody has subscribed
            devices.say(letters[:half])
            wait_for(lambda: len(vault.utterances()) == len(spoken))
            os.kill(crew._children[1].pid, signal.SIGKILL)
            devices.say(letters[half:])
            crew._children[1].wait()
            crew.look_after()
            wait_for(lambda: devices.complete() == len(spoken))
        finally:
            crew.stop()
            devices.close()
        assert crew.restarted == 1
        assert len(vault.utterances()) == len(spoken)
        for said in spoken:
            assert vault.open(said.whose, "test", "compare", now).pcm == said.pcm


def test_a_message_that_wants_no_confirmation_gets_none_and_disconnects_nobody(tmp_path, sender):
    """To confirm one of quality 0 is against the protocol: any device could have kept all workers away."""
    lost = []
    with a_worker(sender.to, directory=tmp_path / "cloud") as worker:
        worker._client.on_disconnect = lambda *given: lost.append(given)
        topic = topics.utterance("ovh-nobody", "0" * 32, "segment")
        for qos in (0, 1, 2, 0, 1):
            sender.publish(topic, b"nothing", qos=qos)
        wait_for(lambda: worker.taken == 5)
    assert len(lost) == 1  # its own goodbye


def test_a_worker_that_is_told_to_end_waits_for_no_room_in_its_mail(tmp_path):
    config = settings(tmp_path / "cloud")
    Keys(config.storage.keys, config.keys).epoch(datetime.now(UTC))
    worker = Worker(config, ("127.0.0.1", 1), "one", lambda: datetime.now(UTC))
    message = paho.MQTTMessage(1, b"overheard/v1/topic")
    message.payload = b""
    for _ in range(2 * AT_ONCE):  # of quality 0: there is no end of them, so few are held
        worker._on_message(worker._client, None, message)
    assert worker._mail.qsize() == AT_ONCE
    message.qos = 1

    def bring():
        for _ in range(MOST_MAIL + 1):
            worker._on_message(worker._client, None, message)

    bringing = threading.Thread(target=bring, daemon=True)
    bringing.start()
    wait_for(worker._mail.full)
    worker.over.set()
    bringing.join(20)
    assert not bringing.is_alive()
    worker.run()  # disconnects and closes


@contextmanager
def a_worker(port, *, directory, name="one", session_s=60):
    """It runs in a thread, for as long as it is wanted."""
    worker = Worker(
        settings(directory), ("127.0.0.1", port), name, lambda: datetime.now(UTC), session_s=session_s
    )
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        assert worker.up.wait(20)
        yield worker
    finally:
        worker.over.set()
        running.join(20)
    assert not running.is_alive()


@pytest.fixture
def sender(tmp_path):
    """Somebody at a broker. What it sends is nobody's, and is counted all the same."""
    config = settings(tmp_path / "cloud")
    Keys(config.storage.keys, config.keys).epoch(datetime.now(UTC))
    with open_broker("mosquitto", free_port(), tmp_path / "broker") as broker:
        sender = paho.Client(CallbackAPIVersion.VERSION2, "sender")
        sender.connect("127.0.0.1", broker.port)
        sender.loop_start()
        sender.to = broker.port
        yield sender
        sender.disconnect()
        sender.loop_stop()


def test_what_is_dealt_goes_round_a_worker_that_is_gone_for_good(tmp_path, sender):
    topic = topics.utterance("ovh-nobody", "0" * 32, "segment")
    with a_worker(sender.to, directory=tmp_path / "cloud", name="two") as stays:
        with a_worker(sender.to, directory=tmp_path / "cloud", session_s=1):
            pass
        rounds = count()

        def a_whole_round_came():
            before = stays.taken
            for _ in range(4):
                sender.publish(topic, b"%d" % next(rounds), qos=1)
            with suppress(AssertionError):
                wait_for(lambda: stays.taken == before + 4, limit_s=2)
            return stays.taken == before + 4

        wait_for(a_whole_round_came)


def test_a_worker_keeps_no_key_of_what_is_not_under_way_and_nothing_that_waits_for_ever(tmp_path, sender):
    """With nothing else to do, too."""
    config = settings(tmp_path / "cloud")
    now = datetime.now(UTC)
    reader = Keys(config.storage.keys, config.keys, keeps=False).epoch(now).key.public
    utc = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    whole, part, late = (Voice().say(reader, utc=utc) for _ in range(3))
    with (
        closing(Vault(config.storage.vault)) as vault,
        a_worker(sender.to, directory=tmp_path / "cloud") as worker,
    ):
        for topic, payload in [*whole.messages[:-1], *part.messages[:-1], late.messages[1]]:
            sender.publish(topic, payload, qos=1)
        under_way = worker._ingest._arriving._under_way
        wait_for(lambda: len(under_way) == 2 and len(worker._ingest._pen) == 1)
        vault.forget(whole.whose, "owner", "asked for it", now)  # by another process
        wait_for(lambda: list(under_way) == [part.whose])
        ahead = timedelta(seconds=config.ingest.truncated_after_s + 1)
        worker._clock = lambda: datetime.now(UTC) + ahead
        wait_for(lambda: len(worker._ingest._pen) == 0)


def worker_file(tmp_path):
    """The settings of a cloud at no broker."""
    config = settings(tmp_path / "cloud")
    Keys(config.storage.keys, config.keys).epoch(datetime.now(UTC))
    file = tmp_path / "cloud.toml"
    file.write_text('[storage]\ndirectory = "cloud"\n[broker]\nkind = "none"\nport = 1\n')
    return file


def test_workers_end_with_a_cloud_that_is_killed(tmp_path):
    file = worker_file(tmp_path)
    script = f"""
import sys, time
from pathlib import Path
from cloud_stub.crew import Crew
crew = Crew(2, 1, Path({str(file)!r}))
crew.start()
print(*[child.pid for child in crew._children], flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        heads = tmp_path / "cloud" / "heads" / "heads.sqlite"
        wait_for(heads.exists)
        assert all(map(alive, workers))
        parent.kill()
    wait_for(lambda: not any(map(alive, workers)))


def alive(pid):
    """Whether it runs; who waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda directory: (directory / "keys" / "signer.key").write_text("none"), KeyFileError),
        (lambda directory: (directory.parent / "cloud.toml").write_text("[storage]\nno = 1"), ConfigError),
    ],
)
def test_a_worker_that_could_never_work_is_not_started_for_ever(tmp_path, spoil, error):
    file = worker_file(tmp_path)
    spoil(tmp_path / "cloud")
    crew = Crew(1, 1, file)
    crew.start()
    try:
        crew._children[0].wait(60)
        with pytest.raises(error, match="worker-0"):
            crew.look_after()
        assert crew.restarted == 0
    finally:
        crew.stop()


def test_a_fault_that_may_pass_ends_the_cloud_only_when_it_does_not(tmp_path):
    """A file may be busy for a while. Looks are counted here, and no time."""
    crew = Crew(1, 1, worker_file(tmp_path))
    (tmp_path / "cloud" / "heads").mkdir(mode=0o700)
    heads = tmp_path / "cloud" / "heads" / "heads.sqlite"

    def fail(times):
        heads.write_bytes(b"no" * 5000)
        for _ in range(times):
            crew._children[0].wait(60)
            crew.look_after()

    heads.write_bytes(b"no" * 5000)
    crew.start()
    try:
        fail(TRIES - 1)
        assert crew.restarted == TRIES - 1
        crew._children[0].wait(60)
        heads.unlink()
        crew._children[0].stdin.close()
        crew._children[0] = crew._spawn(crew._commands[0])  # and now it works
        wait_for(heads.exists)
        for _ in range(WELL):
            crew.look_after()
        crew._children[0].kill()
        fail(TRIES)  # the first for the kill
        crew._children[0].wait(60)
        with pytest.raises(StorageError, match="worker-0"):
            crew.look_after()
    finally:
        crew.stop()


def test_amqtt_has_no_shared_subscriptions_and_says_so(tmp_path):
    file = tmp_path / "cloud.toml"
    file.write_text('[broker]\nkind = "amqtt"\nport = 0\n[ingest]\nworkers = 2\n')
    with pytest.raises(ConfigError, match="workers: amqtt speaks no MQTT 5"):
        app(["run", "--config", str(file)], standalone_mode=False)


def test_a_worker_ends_when_it_is_told_to(tmp_path):
    file = worker_file(tmp_path)
    command = [sys.executable, "-m", "cloud_stub", "worker", "one", "--config", str(file)]
    with subprocess.Popen(command) as worker:
        heads = tmp_path / "cloud" / "heads" / "heads.sqlite"
        wait_for(heads.exists)
        worker.terminate()
        assert worker.wait(30) in (0, -signal.SIGTERM)  # perhaps before it listens to signals


def test_many_open_and_shred_one_file_at_once(tmp_path):
    schema, start, failed = "CREATE TABLE one (a);", threading.Barrier(6), []

    def use():
        start.wait()
        try:
            for _ in range(20):
                with closing(Database(tmp_path / "many.sqlite", schema, 3)) as database:
                    with database.write() as sql:
                        sql.execute("INSERT INTO one VALUES (1)")
                    database.shred_log()
        except StorageError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_many_make_one_file_at_once(tmp_path):
    schema = "CREATE TABLE one (a); CREATE TABLE two (b);"
    made, start = [], threading.Barrier(8)

    def make():
        start.wait()
        with closing(Database(tmp_path / "many.sqlite", schema, 3)) as database:
            with database.write() as sql:
                sql.execute("INSERT INTO one VALUES (1)")
            made.append(database)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
