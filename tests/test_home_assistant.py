"""Home Assistant's side of a real broker: what is retained there, and what it makes of a speaker that dies.

The firmware is a process, so that it can be killed. Home Assistant itself takes part where an interpreter
that has it is named (see `home_assistant_core.py`).
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import jinja2
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloud_stub.broker import find_mosquitto, open_broker
from device import discovery
from device.envelope import topics
from device.keys import load_or_make
from device.mute import MuteMemory
from tests.device.house import CLOUD_ROOT, keys_note

ROOT = Path(__file__).resolve().parents[1]
CORE = Path(__file__).with_name("home_assistant_core.py")
HOME_ASSISTANT = os.environ.get("OVERHEARD_HOME_ASSISTANT")
PATIENCE_S = 60.0

pytestmark = [
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.xdist_group("two_processes"),
]


class Subscriber:
    """Somebody at the broker who hears everything; `now` is the last payload of each topic, `retained` those
    that the broker had kept for it.
    """

    def __init__(self, port: int) -> None:
        self.now: dict[str, bytes] = {}
        self.retained: dict[str, bytes] = {}
        self._news = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._arrived
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(PATIENCE_S)

    def wait(self, condition: Callable[[], bool]) -> bool:
        with self._news:
            return self._news.wait_for(condition, PATIENCE_S)

    def _arrived(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        with self._news:
            self.now[message.topic] = message.payload
            if message.retain:
                self.retained[message.topic] = message.payload
            self._news.notify_all()


class Place:
    """A broker that has a cloud's keys note, and a speaker that can be started and killed."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.device = load_or_make(directory / "state", "x25519").device
        MuteMemory(directory / "state", first_run=True)
        self.config = discovery.topic("homeassistant", self.device)
        self.status, self.state = topics.status(self.device), topics.state(self.device)

    @contextmanager
    def speaker(self, *, on: bool) -> Iterator[subprocess.Popen[bytes]]:
        """A firmware that runs, and is killed in the end if it was not before."""
        path = self.directory / "my.toml"
        path.write_text(
            f'device.state_dir = "state"\ncloud.root = "{CLOUD_ROOT.vkey}"\nuplink.port = {self.port}\n'
            f"home_assistant.discovery = {str(on).lower()}\n"
        )
        with (self.directory / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "device", "run", "--config", path], cwd=ROOT, stdout=log, stderr=log
            )
        try:
            yield child
        finally:
            child.kill()
            child.wait()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_broker("mosquitto", 0, tmp_path / "broker") as broker:
        yield Place(tmp_path, broker.port)


@pytest.fixture
def home(place: Place) -> Iterator[Subscriber]:
    with closing(Subscriber(place.port)) as subscriber:
        subscriber.publish(topics.KEYS, keys_note().encode())
        yield subscriber


def available(announced: dict[str, Any], status: bytes) -> str:
    """What Home Assistant takes a status for, by the template it was given."""
    template = jinja2.Template(announced["availability"][0]["value_template"])
    return template.render(value_json=json.loads(status))


def test_who_subscribes_later_finds_the_announcement_and_the_state(place: Place, home: Subscriber) -> None:
    with place.speaker(on=True):
        assert home.wait(lambda: {place.config, place.state, place.status} <= home.now.keys())
        with closing(Subscriber(place.port)) as later:
            assert later.wait(lambda: {place.config, place.state, place.status} <= later.retained.keys())
    announced = json.loads(later.retained[place.config])
    state = json.loads(later.retained[place.state])
    assert announced["availability"][0]["topic"] == place.status
    assert announced["state_topic"] == place.state
    said = {
        name: jinja2.Template(part["value_template"]).render(value_json=state)
        for name, part in announced["components"].items()
    }
    assert said == {"phase": "idle", "muted": "OFF", "microphone": "OFF", "fault": "none", "waiting": "0"}


def test_a_speaker_that_dies_is_unavailable(place: Place, home: Subscriber) -> None:
    with place.speaker(on=True) as child:
        assert home.wait(lambda: {place.config, place.status} <= home.now.keys())
        announced = json.loads(home.now[place.config])
        assert available(announced, home.now[place.status]) == "online"
        child.kill()
        assert home.wait(lambda: b'"lost"' in home.now[place.status])
    assert available(announced, home.now[place.status]) == "offline"


def test_turned_off_nothing_of_it_stays_at_the_broker(place: Place, home: Subscriber) -> None:
    with place.speaker(on=True):
        assert home.wait(lambda: place.state in home.now)
    with place.speaker(on=False):
        assert home.wait(lambda: home.now[place.config] == home.now[place.state] == b"")
        with closing(Subscriber(place.port)) as later:
            assert later.wait(lambda: place.status in later.retained)
    assert later.retained.keys() == {topics.KEYS, place.status}


# -- Home Assistant itself ---------------------------------------------------------------------------


class Core:
    """Home Assistant's MQTT integration in another interpreter, and the state of each entity by its word."""

    def __init__(self, python: str, port: int, log: Path) -> None:
        self.now: dict[str, str | None] = {}
        self.version = ""
        self._news = threading.Condition()
        with log.open("wb") as complaints:
            self._child = subprocess.Popen(
                [python, CORE, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait(self, condition: Callable[[], bool]) -> bool:
        with self._news:
            return self._news.wait_for(condition, PATIENCE_S)

    def close(self) -> None:
        with self._child as child:
            assert child.stdin is not None
            child.stdin.close()
            self._reader.join()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in iter(self._child.stdout.readline, b""):
            said = json.loads(line)
            with self._news:
                if "version" in said:
                    self.version = said["version"]
                elif said["unique_id"] or said["state"] is None:
                    self.now[said["entity"]] = said["state"]
                self._news.notify_all()


@pytest.mark.usefixtures("home")
@pytest.mark.skipif(
    HOME_ASSISTANT is None, reason="OVERHEARD_HOME_ASSISTANT names no interpreter that has it"
)
def test_home_assistant_makes_a_device_of_it_and_removes_it(place: Place, tmp_path: Path) -> None:
    with closing(Core(str(HOME_ASSISTANT), place.port, tmp_path / "core.log")) as core:
        assert core.wait(lambda: bool(core.version))
        suffix = f"overheard_{place.device[-4:]}"
        sensors = {f"sensor.{suffix}_phase": "idle", f"sensor.{suffix}_waiting": "0"}
        switches = {f"binary_sensor.{suffix}_muted": "off", f"binary_sensor.{suffix}_microphone": "off"}
        with place.speaker(on=True):
            assert core.wait(lambda: core.now == sensors | switches), core.now
        assert core.wait(lambda: set(core.now.values()) == {"unavailable"}), core.now
        with place.speaker(on=False):
            assert core.wait(lambda: set(core.now.values()) == {None}), core.now
    assert "Invalid MQTT" not in (tmp_path / "core.log").read_text()
