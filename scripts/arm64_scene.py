"""A broker and a cloud on this machine for a speaker that runs elsewhere on it.

What passes the broker is written down as it comes. It reads nothing that the speaker keeps.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud_stub import config as cloud_config
from cloud_stub.broker import open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.hearing import open_mind
from cloud_stub.whose import Whose
from lab.tap import Tap


class SceneError(Exception):
    """What came of it is not what it should be."""


class Scene:
    """A real broker and a real cloud; `with` lets neither run on. `answered` is set once something was."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.answered = threading.Event()
        self.words = ""
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._tap = Tap(self.directory)
            opened.callback(self._tap.close)
            self.broker = opened.enter_context(open_broker("auto", 0, self.directory / "broker"))
            settings = self.directory / "cloud.toml"
            settings.write_text('[storage]\ndirectory = "cloud"\n', encoding="utf-8")
            address = ("127.0.0.1", self.broker.port)
            self.cloud = Cloud(cloud_config.load(settings), address, open_mind(), watch=self)
            self.cloud.start()
            opened.callback(self.cloud.stop)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def settings(self, state: str, note: str, board: Mapping[str, object], owner: str) -> str:
        """Settings (TOML) of a speaker that calls this broker, and whose owner may read; `note` is where its
        keys note is.
        """
        sections: dict[str, Mapping[str, object]] = {
            "device": {"state_dir": state},
            "board": board,
            "privacy": {"owner_reader": owner},
            "cloud": {"root": self.cloud.keys.vkey, "keys": note, "answer_s": 60.0},
            "uplink": {"port": self.broker.port, "backoff_min_s": 0.05, "backoff_max_s": 0.2},
        }
        lines = [
            f"{part}.{name} = {json.dumps(value)}"
            for part in sections
            for name, value in sections[part].items()
        ]
        return "\n".join(lines) + "\n"

    def note(self) -> str:
        """The cloud's keys for today, as a new device is given them."""
        return self.cloud.keys.note(datetime.now(UTC))

    def arrived(self, topic: str, payload: bytes) -> None:
        """Write down what came through the broker."""
        self._tap.write(topic, payload)

    def heard(self, _whose: Whose, words: Words) -> None:
        """Remember what the cloud made of it."""
        self.words = words.heard
        self.answered.set()
