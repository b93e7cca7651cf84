"""A speaker that is well, for the tests of the doctor to make ill: its state, its settings, a real broker."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud_stub.broker import open_broker
from device.config import Config
from device.doctor import Finding, examine
from device.envelope import topics
from device.keys import Identity, load_or_make
from device.ledger import Row, parse_row
from device.mute import MuteMemory
from device.outbox_file import look
from hardware.sim import SimBoard
from tests.device.house import CLOUD_ROOT, NOW, keys_note

PATIENCE_S = 15.0


class Patient:
    """A speaker in `directory` that was started before, and calls `port`."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.path = directory / "my.toml"
        self.now: datetime = NOW
        self.board = SimBoard(noise_floor=30)
        self.note_s = PATIENCE_S
        self.identity: Identity = load_or_make(self.state, "x25519")
        MuteMemory(self.state, first_run=True)
        (self.state / "keys.note").write_text(keys_note())
        self.settings = (
            f'device.state_dir = "state"\ncloud.root = "{CLOUD_ROOT.vkey}"\nuplink.port = {port}\n'
        )
        self.set()

    def set(self, *lines: str) -> None:
        """Write its settings: what it always has, and these."""
        self.path.write_text(self.settings + "".join(lines))

    def findings(self, open_board: Callable[[Config], SimBoard] | None = None) -> list[Finding]:
        """What the doctor finds."""
        return list(examine(self.path, self.now, open_board or (lambda _: self.board), self.note_s))

    def words(self) -> dict[str, list[str]]:
        """The words of each check."""
        found: dict[str, list[str]] = {}
        for finding in self.findings():
            found.setdefault(finding.check, []).append(finding.word)
        return found

    def finding(self, check: str) -> Finding:
        """The last finding of one check: of the broker, where it stopped."""
        return [finding for finding in self.findings() if finding.check == check][-1]

    def rows(self) -> list[Row]:
        """The ledger."""
        if not (self.state / "egress.db").exists():
            return []
        with closing(look(self.state / "egress.db")) as db:
            return [parse_row(row) for (row,) in db.execute("SELECT row FROM ledger ORDER BY idx")]


class Ward:
    """A broker, the cloud's note in it, and everything that is published there."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.published: list[str] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _u, message: self.published.append(message.topic)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.retain(keys_note())
        self._client.subscribe("overheard/+/+/up/#")

    def retain(self, note: str) -> None:
        """Put a keys note, or nothing, where a cloud would."""
        self._client.publish(topics.KEYS, note.encode(), qos=1, retain=True).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def ward(directory: Path) -> Iterator[Ward]:
    """A broker with somebody in it."""
    with open_broker("auto", 0, directory / "broker") as broker, closing(Ward(broker.port)) as opened:
        yield opened
