"""Deleted is gone: every byte of every store is searched, with every key that is left; and a search that
would find it.

The stores: the vault's file and its log, review, people, wishes, the heads of ledgers, mosquitto's own
store; and
Postgres, whose files keep ciphertext that nothing opens (test_vault_postgres).
"""

import shutil
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from paho.mqtt.enums import CallbackAPIVersion

from cloud_stub import pieces
from cloud_stub.broker import Mosquitto
from cloud_stub.loopback import free_port
from cloud_stub.review.cases import Step
from cloud_stub.shelf import OwnFile
from device.envelope import Begin, EnvelopeError
from device.envelope.layout import MAGIC
from tests.cloud_stub.conftest import NOW
from tests.cloud_stub.review.conftest import GOOD, HEARD, House

RITA = "rita"


class KeepsKeys(OwnFile):
    """Deletes everything but what opens it."""

    @staticmethod
    def drop(sql, whose):
        sql.execute("DELETE FROM piece WHERE device = ? AND utterance = ? AND name != -3", whose)


class KeepsWords(OwnFile):
    """Deletes everything but what was said of it."""

    @staticmethod
    def drop(sql, whose):
        sql.execute("DELETE FROM piece WHERE device = ? AND utterance = ? AND name != -5", whose)


class KeepsAll(OwnFile):
    """Says so, and deletes nothing."""

    @staticmethod
    def drop(sql, whose):
        del sql, whose


def lived(directory, voice, shelf=None):
    """Three recordings through everything that keeps something; the first is deleted. What it was, what
    stays.
    """
    house = House(directory, voice)
    if shelf is not None:
        house.vault._shelf = house.vault._door._shelf = shelf
    gone, stays, flagged = (house.ready() for _ in range(3))
    desk = house.desk
    task = desk.take(RITA, "review", NOW)
    desk.sound(task.id, RITA, NOW)
    desk.judge(task.id, RITA, GOOD, NOW)
    desk.flag(desk.take(RITA, "review", NOW).id, RITA, NOW)
    [case] = house.review.casebook.all()
    house.review.casebook.take_step(case.id, Step("see", "olga"), NOW)
    with house.vault._database.read() as sql:
        query = "SELECT name, content FROM piece WHERE utterance = ?"
        parts = dict(sql.execute(query, (task.whose.utterance,)).fetchall())
    gone = next(each for each in (gone, stays, flagged) if each.whose == task.whose)
    house.vault.forget(gone.whose, "owner:anna", "asked for it", NOW + timedelta(hours=1))
    key = (house.other.config.storage.vault / "vault.key").read_bytes()
    readers = [epoch.key for epoch in house.other.keys._epochs.values()]
    house.close()
    return gone, parts, key, readers


def files_of(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def traces(directory, gone, parts, vault_key, readers):
    """What is left of it: where, and what."""
    found = []
    marks = {"sound": gone.pcm[:48], "words": HEARD.encode(), "judgement": GOOD.transcript.encode()}
    marks |= {"data key": gone.data_key, "header": f'"utterance":"{gone.utterance}","v":1'.encode()}
    marks |= {f"piece {name}": content[-40:] for name, content in parts.items()}
    for path, content in files_of(directory).items():
        found += [(path.name, what) for what, mark in marks.items() if mark in content]
        found += [
            (path.name, "opened by vault.key")
            for key in unwrapped(content, vault_key)
            if key == gone.data_key
        ]
        found += [
            (path.name, "opened by a reader key") for key in opened(content, readers) if key == gone.data_key
        ]
    return found


def unwrapped(content, vault_key):
    """Every data key that the vault's key finds in these bytes, wherever it begins."""
    for at in range(len(content) - 39):
        piece = content[at : at + 40]
        if piece.count(0) > 8 or piece.isascii():
            continue  # no wrapped key: those are even
        try:
            yield aes_key_unwrap(vault_key, piece)
        except InvalidUnwrap:
            continue


def opened(content, readers):
    """Every data key that a reader key finds in a begin message in these bytes."""
    at = content.find(MAGIC)
    while at >= 0:
        for reader in readers:
            try:
                yield Begin.parse(content[at : at + 4000]).data_key(reader)
            except (EnvelopeError, ValueError):
                continue
        at = content.find(MAGIC, at + 1)


def test_no_byte_of_any_store_says_or_opens_what_was_deleted(tmp_path, voice):
    gone, parts, key, readers = lived(tmp_path / "cloud", voice)
    assert len(parts) == 9  # begin, end, key, words, notes, prepared, three segments
    assert traces(tmp_path / "cloud", gone, parts, key, readers) == []


@pytest.mark.parametrize(
    ("shelf", "expected"),
    [
        (KeepsKeys(), ("vault.sqlite", "opened by vault.key")),
        (KeepsWords(), ("vault.sqlite", f"piece {pieces.NOTES}")),
        (KeepsAll(), ("vault.sqlite", "header")),
    ],
)
def test_a_store_whose_deletion_is_disabled_is_found(tmp_path, voice, shelf, expected):
    gone, parts, key, readers = lived(tmp_path / "cloud", voice, shelf)
    assert expected in traces(tmp_path / "cloud", gone, parts, key, readers)


def test_what_somebody_copied_before_is_found(tmp_path, voice):
    directory = tmp_path / "cloud"
    gone, parts, key, readers = lived(directory, voice)
    (directory / "backup.bin").write_bytes(b"\1" * 77 + parts[pieces.DATA_KEY])
    assert ("backup.bin", "opened by vault.key") in traces(directory, gone, parts, key, readers)


@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed")
def test_the_brokers_own_store_forgets_what_was_delivered(tmp_path, voice):
    """mosquitto keeps on disk what waits for the cloud; once it is delivered nothing of it is there any
    more.
    """
    folder = tmp_path / "broker"
    folder.mkdir()
    port, store = free_port(), folder / "mosquitto.db"
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
        "autosave_interval 0\nuser root\n"
    )
    other = House(tmp_path / "cloud", voice)
    spoken = voice.say(other.other.reader)

    def client(name):
        made = paho.Client(CallbackAPIVersion.VERSION2, name, clean_session=False)
        made.connect("127.0.0.1", port)
        made.loop_start()
        return made

    def held():
        return spoken.segments[0][:200] in store.read_bytes()

    with Mosquitto(shutil.which("mosquitto"), port, folder, own=True):
        cloud = client("cloud")
        cloud.subscribe("overheard/v1/+/up/#", qos=1)
        cloud.publish("ready", qos=1).wait_for_publish(10)
        cloud.disconnect()
        cloud.loop_stop()
        device = client("device")
        for topic, payload in spoken.messages:
            device.publish(topic, payload, qos=1).wait_for_publish(10)
        device.disconnect()
        device.loop_stop()
    assert held()  # while it waits it is there, as ciphertext
    arrived = []
    with Mosquitto(shutil.which("mosquitto"), port, folder, own=True):
        cloud = paho.Client(CallbackAPIVersion.VERSION2, "cloud", clean_session=False)
        cloud.on_message = lambda _c, _u, message: arrived.append((message.topic, message.payload))
        cloud.connect("127.0.0.1", port)
        until = datetime.now(UTC) + timedelta(seconds=20)
        while len(arrived) < len(spoken.messages) and datetime.now(UTC) < until:
            cloud.loop(0.2)
        for _ in range(50):  # until the broker has every confirmation
            cloud.loop(0.02)
        cloud.disconnect()
        cloud.loop(0.2)
    other.other.take(arrived)
    assert other.vault.state(spoken.whose) == "complete"
    assert not held()
    other.close()
