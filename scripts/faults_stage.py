"""One speaker in one home at a broker with faults, with its cloud, for one cell of the table of faults.

It builds, speaks and takes apart; it makes no fault and judges nothing.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from device.envelope import topics
from device.envelope.layout import Cursor, from_json
from lab.folder import Settings
from lab.kit.broker import MockBroker
from lab.kit.cloud import StubCloud
from lab.kit.home import SOUNDS, Home
from lab.kit.speaker import SimSpeaker, Ways
from scripts.torture_check import Seen

SPEAKER: Settings = {
    "privacy": {"save": True},
    "uplink": {"ask_again_s": 1.0},
    "outbox": {"max_utterances": 2},
}
CLOUD: Settings = {"ingest": {"truncated_after_s": 1.0}}


class Stage:
    """What a cell of the table plays on. `with` lets nothing run on."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "speaker" / "state"
        self.vault = directory / "cloud" / "store" / "vault"
        self.ahead = timedelta()
        self.before: list[str] = []
        """Utterances of a ledger that was set aside."""
        self.damaged = ""
        """The hash of a file that was damaged: it must be kept as it was."""
        self.since = 0
        """The packet with which the ledger began that is read in the end."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.broker = self._stack.enter_context(MockBroker(self.directory / "broker", "mosquitto"))
        self.cloud = StubCloud(self.directory / "cloud", self.broker, CLOUD)
        self._stack.callback(self.cloud.stop)
        self.cloud.start()
        ways = Ways(SPEAKER, answers=True, patience_s=8.0, clock=lambda: datetime.now(UTC) + self.ahead)
        directory = self.directory / "speaker"
        self.speaker = SimSpeaker(directory, self.broker, self.cloud.root, self.cloud.note, ways)
        self._stack.callback(self.speaker.close)
        self.cloud.meet(self.speaker)
        self.home = Home(self.speaker)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Stop all of it in an orderly way, so that files may be read. Twice is harmless."""
        self._stack.close()

    def say(self, name: str) -> None:
        """Let something be said from now on; no time passes."""
        self.speaker.board.room.say(SOUNDS / name, self.speaker.board.now)

    def ask(self) -> None:
        """Press and ask the time."""
        self.speaker.tap()
        self.home.say("time.flac")

    def triggers(self) -> list[str]:
        """The utterances that the ledger knows of, in order."""
        return [row.utterance for row in self.speaker.ledger if row.kind == "trigger" and row.utterance]

    def seen(self) -> Seen:
        """What came from the speaker to the broker's door since the ledger began, and was acknowledged."""
        device = self.speaker.device
        passed = self.broker.packets[self.since :]
        left = Counter(
            (each.topic, sha256(each.payload).hexdigest())
            for each in passed
            if each.way == "up" and each.client == device and each.kind == "PUBLISH"
        )
        acks = [each for each in passed if each.way == "down" and each.topic == topics.ack(device)]
        return Seen(left, {body["utterance"] for body in map(_body, acks) if body["state"] == "complete"})


def _body(message: Any) -> dict[str, Any]:
    return from_json(Cursor(message.payload, "ack").json(), dict[str, Any], "ack")
