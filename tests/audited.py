"""The firmware in an audited process at a real broker and cloud: what it opened, wrote and sent, beside its
report.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from cloud_stub import config as cloud_config
from cloud_stub.acks import Outgoing
from cloud_stub.authority import keep_key, read_certificate
from cloud_stub.broker import open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.keys import Keys
from device.config import load
from device.envelope import downlink, topics
from device.envelope.layout import Cursor
from device.self_report import Report, names, report
from lab.mind import shared_mind
from tests.secure_home import PATIENCE_S, SecureHome

ROOT = Path(__file__).resolve().parents[1]
AUDIO = ROOT / "lab" / "scenarios" / "audio"
ROOM = f"[board]\nroom = ['{AUDIO / 'alexa_time.flac'}']\nroom_ends = true\npace = '6'\n"


class Message(NamedTuple):
    """One message as a subscriber got it."""

    topic: str
    payload: bytes

    def fields(self) -> set[str]:
        """The names of every field of its JSON."""
        part = self.topic.rsplit("/", 1)[-1]
        if part in {"segment", "checkpoint"} or not self.payload:
            return set()
        if part == "begin":
            return names(json.loads(Cursor(self.payload[4:], part).json()))
        if part in {"end", "request"}:
            return names(json.loads(Cursor(self.payload, part).json()))
        return names(json.loads(self.payload))


def unlisted(said: Report, written: set[str]) -> set[str]:
    """Names of files that were written and that the report does not have."""
    return {name for name in written if not any(fnmatch(name, file.name) for file in said.files)}


def unwritten(said: Report, written: set[str]) -> set[str]:
    """What the report has of files that were never written."""
    return {file.name for file in said.files if not any(fnmatch(name, file.name) for name in written)}


class Ear:
    """What the cloud lets others see; with each message it looks which files there are in `state`."""

    def __init__(self, state: Path) -> None:
        self.messages: list[Message] = []
        self.files: set[str] = set()
        self.began = threading.Event()
        self._state = state

    def arrived(self, topic: str, payload: bytes) -> None:
        self.messages.append(Message(topic, payload))
        self.look()
        if topic.endswith("/begin"):
            self.began.set()

    def heard(self, *_: object) -> None:
        pass

    def look(self) -> None:
        self.files |= {name for name in os.listdir(self._state) if (self._state / name).is_file()}


class Audited(NamedTuple):
    """What came of audited runs of one firmware: what it opened and sent, the files that were seen in its
    state directory, what it told its operator, and its report.
    """

    opened: list[tuple[str, Any]]
    messages: list[Message]
    files: set[str]
    told: list[str]
    said: Report
    settings: Path
    ports: set[int]
    state: Path

    @property
    def written(self) -> set[str]:
        """The names of the files that it wrote."""
        return self.files | {path.name for path in self._paths() if path.parent == self.state}

    def strange(self) -> list[tuple[str, Any]]:
        """What it opened that the report does not have."""
        return [(what, detail) for what, detail in self.opened if not self._known(what, detail)]

    def _paths(self) -> Iterator[Path]:
        for what, detail in self.opened:
            if what == "write":
                yield _path(detail)

    def _known(self, what: str, detail: Any) -> bool:
        match what:
            case "connect":
                return detail[1] in self.ports
            case "name":
                return bool(detail == "localhost")
            case "bind":
                return bool(detail[1] == 0)  # any port: nobody could know it and call
            case "pair":
                return True
            case "write":
                path = _path(detail)
                return path.parent == self.state and not unlisted(self.said, {path.name})
        return False


def _path(detail: str) -> Path:
    return Path(detail.removeprefix("file://").partition("?")[0])


class Home:
    """A cloud that runs, and the settings of a speaker: its firmware runs when it is told to."""

    def __init__(self, cloud: Cloud, ear: Ear, settings: Path, state: Path, ports: set[int]) -> None:
        self.cloud, self.ear, self.state = cloud, ear, state
        self._settings, self._ports = settings, ports
        self._log = settings.with_name("audit.jsonl")
        self._told: list[str] = []

    def run(self, command: str, *more: str) -> None:
        """Let the firmware run to its end; once something is said, the cloud sends it a command."""
        words = ["-m", "tests.audited_firmware", str(self._log), command, str(self._settings), *more]
        with subprocess.Popen(
            [sys.executable, "-B", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            if command == "run":
                assert self.ear.began.wait(PATIENCE_S), "nothing was said"
                self._command()
            out, _ = process.communicate(timeout=90)
        assert process.returncode == 0, out.decode()
        self._told += out.decode().splitlines()
        self.ear.look()

    def _command(self) -> None:
        device = self.ear.messages[0].topic.split("/")[2]
        body = {"v": 1, "device": device, "serial": 1, "do": "checkpoint"}
        payload = downlink.sign("command", body, self.cloud.keys.signer)
        self.cloud.say(Outgoing(topics.command(device), payload))

    def audited(self) -> Audited:
        """What came of it."""
        opened = [tuple(json.loads(line)) for line in self._log.read_text().splitlines()]
        ear, said = self.ear, report(load(self._settings))
        return Audited(
            opened, ear.messages, ear.files, self._told, said, self._settings, self._ports, self.state
        )


@contextmanager
def served(cloud: Cloud) -> Iterator[None]:
    """The cloud runs."""
    cloud.start()
    try:
        yield
    finally:
        cloud.stop()


def audit_plain(directory: Path, *more: str) -> Audited:
    """A firmware without TLS that wakes and is answered."""
    state = directory / "state"
    state.mkdir()
    with open_broker("mosquitto", 0, directory / "broker") as broker:
        (directory / "cloud.toml").write_text(
            f'[storage]\ndirectory = "cloud"\n[broker]\nkind = "none"\nport = {broker.port}\n'
        )
        ear = Ear(state)
        config = cloud_config.load(directory / "cloud.toml")
        cloud = Cloud(config, ("127.0.0.1", broker.port), shared_mind(), watch=ear)
        (directory / "keys.note").write_text(cloud.keys.note(datetime.now(UTC)))
        settings = directory / "device.toml"
        settings.write_text(
            f'[device]\nstate_dir = "state"\n[cloud]\nroot = "{cloud.keys.vkey}"\nkeys = "keys.note"\n'
            f'[uplink]\nhost = "localhost"\nport = {broker.port}\n{ROOM}'
        )
        with served(cloud):
            home = Home(cloud, ear, settings, state, {broker.port})
            home.run("run", *more)
    return home.audited()


def audit_secure(directory: Path) -> Audited:
    """A firmware under TLS with everything on: it is provisioned; then, with a certificate that is due and a
    damaged ledger, it wakes and is answered.
    """
    secure = SecureHome(directory, devices='approve = "claimed"')
    secure.write(Keys(secure.config.storage.keys, secure.config.keys).vkey)
    state = directory / "speaker" / "state"
    state.mkdir(parents=True)
    for file in secure.files.bundle.iterdir():
        copy = state.parent / file.name
        copy.write_bytes(file.read_bytes())
        copy.chmod(0o600)
    settings = state.parent / "speaker.toml"
    with settings.open("a") as more:
        more.write('[device]\nstate_dir = "state"\n[home_assistant]\ndiscovery = true\n')
        more.write(f"[privacy]\npad_s = 1.0\ncover_per_day = 1000\n{ROOM}")
    ear = Ear(state)
    with secure.broker_up():
        cloud = Cloud(secure.config, ("127.0.0.1", secure.port), shared_mind(), watch=ear)
        with served(cloud):
            home = Home(cloud, ear, settings, state, {secure.port, secure.guest_port})
            home.run("provision")
            _age(state / "tls.pem", secure)
            _damage(state / "egress.db")
            home.run("run")
    return home.audited()


def _age(pair: Path, secure: SecureHome) -> None:
    """Put a certificate in its place of which more than two thirds are over."""
    name = read_certificate(pair).subject.rfc4514_string().removeprefix("CN=")
    key = pair.with_name("aged.key")
    began, over = secure.files.now - timedelta(days=80), secure.files.now + timedelta(days=10)
    aged = secure.files.authority.issue_client(keep_key(key), name, over, began)
    pair.write_bytes(key.read_bytes() + aged)
    key.unlink()


def _damage(ledger: Path) -> None:
    """Let its disk lose all pages but the first."""
    data = ledger.read_bytes()
    ledger.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
