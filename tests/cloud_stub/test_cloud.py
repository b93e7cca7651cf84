"""The whole other end at real brokers: a sealed utterance goes up, a sealed answer comes down."""

import os
import queue
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import paho.mqtt.client as paho
import pytest

from cloud_stub.broker import find_mosquitto, open_broker
from cloud_stub.cloud import Cloud
from device.envelope import ReaderPublic, downlink, open_once, topics
from device.ledger import Checkpoint, Cosigner, Signer, Verifier, open_note, split_note
from device.outbox import Outbox

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
kinds = pytest.mark.parametrize("kind", [pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"])


class Said(NamedTuple):
    heard: str
    intent: str
    text: str
    actions: list[dict[str, object]]
    pcm: bytes


class Echo:
    """A mind that answers with the sound it was given, and means what it was told to mean."""

    def __init__(self) -> None:
        self.intent = "none"
        self.heard: list[bytes] = []

    def answer(self, pcm: bytes) -> Said:
        self.heard.append(pcm)
        return Said("some words", self.intent, "An answer.", [{"do": "volume", "to": 0.5}], pcm[:320])


class Caller:
    """The connection of a device: everything that comes down, by topic."""

    def __init__(self, port: int, device: str) -> None:
        self.down: dict[str, queue.Queue[bytes]] = {}
        subscribed: queue.Queue[None] = queue.Queue()
        for topic in (topics.ack(device), topics.response(device), topics.command(device), topics.KEYS):
            self.down[topic] = queue.Queue()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, device, protocol=paho.MQTTv311)
        self.client.on_message = lambda _c, _u, message: self.down[message.topic].put(message.payload)
        self.client.on_connect = lambda *_: self.client.subscribe([(topic, 1) for topic in self.down])
        self.client.on_subscribe = lambda *_: subscribed.put(None)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        subscribed.get(timeout=10)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def send(self, spoken) -> None:
        for topic, payload in spoken.messages:
            self.client.publish(topic, payload, qos=1).wait_for_publish(10)

    def next(self, topic: str) -> bytes:
        return self.down[topic].get(timeout=20)


def reader_of(note: bytes, cloud: Cloud) -> ReaderPublic:
    text = open_note(note, [Verifier.parse(cloud.keys.vkey)])
    return ReaderPublic.decode(msgspec.json.decode(text.partition("\n")[2])["reader"])


@pytest.fixture
def config(other):
    other.vault.close()
    return other.config


@kinds
def test_an_utterance_is_acknowledged_answered_and_kept_as_its_owner_allows(
    kind, tmp_path, config, voice, caplog
):
    mind = Echo()
    with open_broker(kind, 0, tmp_path / "broker") as broker:
        cloud = Cloud(config, ("127.0.0.1", broker.port), mind)
        cloud.start()
        caller = Caller(broker.port, voice.device)
        reader = reader_of(caller.next(topics.KEYS), cloud)
        assert cloud.up.wait(20)
        spoken = [voice.say(reader, save=save) for save in (True, False)]
        for each in spoken:
            caller.send(each)
            ack, _ = downlink.open(
                "ack", caller.next(topics.ack(voice.device)), cloud.keys.signer.public_key()
            )
            assert (ack["utterance"], ack["state"]) == (each.utterance, "complete")
            answered = caller.next(topics.response(voice.device))
            body, sealed = downlink.open("response", answered, cloud.keys.signer.public_key())
            assert body == {"v": 1, "device": voice.device, "utterance": each.utterance}
            plain = open_once(sealed, voice.reply, b"overheard/v1/response\0" + each.utterance.encode())
            length = int.from_bytes(plain[:4], "big")
            assert msgspec.json.decode(plain[4 : 4 + length]) == {
                "text": "An answer.",
                "intent": "none",
                "actions": [{"do": "volume", "to": 0.5}],
            }
            assert plain[4 + length :] == each.pcm[:320]
        assert cloud.settled.wait(20)
        assert cloud.pending == 0
        assert mind.heard == [each.pcm for each in spoken]
        assert [held.state for held in cloud.vault.utterances()] == ["complete", "forgotten"]
        rows = [(row.did, row.who, row.why) for row in cloud.vault.accesses()]
        answer = ("open", "machine", "answer")
        assert rows == [answer, answer, ("forget", "machine", "not to be saved")]
        caller.leave()
        cloud.stop()
    assert not caplog.records  # amqtt hangs up on the MQTT 5 greeting, and says nothing of it


@kinds
def test_the_cloud_comes_back_when_its_broker_was_killed(kind, tmp_path, config, voice):
    broker = open_broker(kind, 0, tmp_path / "broker")
    broker.start()
    cloud = Cloud(config, ("127.0.0.1", broker.port), Echo())
    cloud.start()
    before = Caller(broker.port, voice.device)
    before.next(topics.KEYS)
    broker.kill()
    before.leave()
    with broker:
        caller = Caller(broker.port, voice.device)
        reader = reader_of(caller.next(topics.KEYS), cloud)  # nobody but the cloud puts it there again
        assert cloud.up.wait(20)
        caller.send(voice.say(reader))
        caller.next(topics.response(voice.device))
        caller.leave()
        cloud.stop()


def test_delete_what_i_said_forgets_the_utterance_before_and_itself_but_nobody_elses(
    config, voice, stranger, other
):
    mind = Echo()
    cloud = Cloud(config, ("127.0.0.1", 1), mind)
    say = [
        voice.say(other.reader),
        stranger.say(other.reader),
        voice.say(other.reader),
        voice.say(other.reader),
    ]
    for spoken in say:
        mind.intent = "delete_last" if spoken is say[-1] else "none"
        for topic, payload in spoken.messages:
            cloud.ingest.take(topic, payload, datetime.now(UTC))
        cloud.answer(spoken.whose)
    states = {held.whose: held.state for held in cloud.vault.utterances()}
    assert [states[each.whose] for each in say] == ["complete", "complete", "forgotten", "forgotten"]
    cloud.stop()


def test_after_a_stop_what_is_still_fresh_is_answered_and_what_is_old_is_not(config, voice, other, now):
    first = Cloud(config, ("127.0.0.1", 1), Echo(), clock=lambda: now)
    old, fresh = voice.say(other.reader), voice.say(other.reader)
    for spoken, at in ((old, now), (fresh, now + timedelta(seconds=50))):
        for topic, payload in spoken.messages:
            first.ingest.take(topic, payload, at)
    first.stop()
    mind = Echo()
    with open_broker("amqtt", 0, Path(config.storage.directory)) as broker:
        later = now + timedelta(seconds=70)
        again = Cloud(config, ("127.0.0.1", broker.port), mind, clock=lambda: later)
        again.start()
        assert again.settled.wait(20)
        assert mind.heard == [fresh.pcm]
        assert [held.answered for held in again.vault.utterances()] == [False, True]
        again.stop()


def test_a_ledger_that_grew_is_asked_for_its_head_and_cosigned_if_it_proves_to_go_on(
    config, voice, now, tmp_path
):
    times = [now]
    signer, topic = Signer(voice.device, voice.signing), topics.command(voice.device)
    with ExitStack() as stack:
        broker = stack.enter_context(open_broker("amqtt", 0, Path(config.storage.directory)))
        outbox = stack.enter_context(closing(Outbox(tmp_path / "egress.db", signer)))
        cloud = Cloud(config, ("127.0.0.1", broker.port), Echo(), clock=lambda: times[-1])
        cloud.start()
        stack.callback(cloud.stop)
        assert cloud.up.wait(20)
        caller = Caller(broker.port, voice.device)
        stack.callback(caller.leave)
        cloud.witness.knows(voice.device, voice.public, int(now.timestamp()))
        sizes = []
        for day in (1, 2):
            outbox.note("boot", first_sample=0)
            cloud.witness.take(voice.device, outbox.checkpoint())  # as an end record brings it
            times.append(now + timedelta(days=day, minutes=day))
            cloud.tick()
            asked, _ = downlink.open("command", caller.next(topic), cloud.keys.signer.public_key())
            assert asked["do"] == "checkpoint"
            head = outbox.leave_head(topics.checkpoint(voice.device), asked.get("since"))
            caller.client.publish(head.topic, head.payload, qos=1).wait_for_publish(10)
            caller.send(voice.say(reader_of(cloud.keys.note(times[-1]).encode(), cloud)))
            caller.next(topics.ack(voice.device))  # it takes what comes in order
            cosigned = cloud.witness.heads.cosigned(voice.device) or ""
            assert Cosigner.parse(cloud.witness.vkey).seen(cosigned) == int(times[-1].timestamp())
            sizes.append((asked.get("since"), Checkpoint.parse(split_note(cosigned)[0]).size))
        assert sizes == [(None, 1), (1, 3)]
        assert cloud.ingest.security_events == 0


def test_the_keys_note_at_the_broker_turns_with_the_epoch(config, voice, now):
    times = [now]
    with open_broker("amqtt", 0, Path(config.storage.directory)) as broker:
        cloud = Cloud(config, ("127.0.0.1", broker.port), Echo(), clock=lambda: times[-1])
        cloud.start()
        assert cloud.up.wait(20)
        caller = Caller(broker.port, voice.device)
        first = reader_of(caller.next(topics.KEYS), cloud)
        times.append(now + timedelta(hours=23, minutes=30))
        cloud.tick()
        second = reader_of(caller.next(topics.KEYS), cloud)
        assert first != second
        assert second == cloud.keys.epoch(times[-1]).key.public
        caller.leave()
        cloud.stop()


def test_a_vault_that_fails_ends_the_cloud_with_its_reason(config, voice, other, now):
    with open_broker("amqtt", 0, Path(config.storage.directory)) as broker:
        cloud = Cloud(config, ("127.0.0.1", broker.port), Echo(), clock=lambda: now)
        cloud.start()
        assert cloud.up.wait(20)
        cloud.vault.close()
        caller = Caller(broker.port, voice.device)
        caller.send(voice.say(other.reader))
        assert cloud.over.wait(20)
        assert cloud.failure.exit_code == 6
        caller.leave()
        cloud.stop()


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGTERM, "auto"), (signal.SIGINT, "amqtt")])
def test_the_command_says_where_it_is_and_ends_cleanly_when_told(number, kind, tmp_path):
    (tmp_path / "my.toml").write_text(f'[broker]\nport = 0\nkind = "{kind}"\n')
    command = [sys.executable, "-m", "cloud_stub", "run", "--config", str(tmp_path / "my.toml")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        line, voice = child.stdout.readline(), child.stdout.readline()
        child.send_signal(number)
        assert child.wait(30) == 0
        assert child.stderr.read() == ""
    assert line.startswith("ready: broker ")
    assert " root overheard-cloud+" in line
    assert voice.startswith(("voice: /", "no voice: answers are a tone (apt install espeak-ng)"))
