"""A speaker as a process, its cloud's keys, and one port at which a decent broker or a hostile one answers.

It starts and ends them, hears what the speaker says, and measures its memory. It judges nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from cloud_stub import config as cloud_config
from cloud_stub.broker import open_broker
from cloud_stub.cloud import Cloud
from device.keys import load_or_make
from scripts import fuzz_messages

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 30.0
FIRMWARE = "scripts.fuzz_device"

Event = dict[str, Any]


class GoneError(RuntimeError):
    """The speaker ended by itself, or did not say what it should have in time."""


class Speaker:
    """The firmware as a child process. `events` is all that it said."""

    def __init__(self, firmware: str, settings: Path, log: Path) -> None:
        self.events: list[Event] = []
        self._counts: Counter[str] = Counter()
        self._newest: dict[str, Event] = {}
        self._news = threading.Condition()
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", firmware, settings], cwd=ROOT, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def hand(self, word: str) -> None:
        """Let a hand do something: tap, mute, unmute, say FILE. Returns once it is done."""
        before = self.count("hand")
        self._write(word)
        self.require(lambda: self.count("hand") > before, f"no hand did {word}")

    def count(self, kind: str) -> int:
        """How many events of a kind there were."""
        return self._counts[kind]

    def last(self, kind: str) -> Event:
        """The newest event of a kind; empty when there was none."""
        return self._newest.get(kind, {})

    def wait(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Return whether `condition`, looked at after every event, came true in time. Raises GoneError."""
        with self._news:
            came = self._news.wait_for(lambda: condition() or not self.alive, within_s)
        if not condition() and not self.alive:
            raise GoneError(f"the speaker ended by itself with {self._process.wait()}: {self._last_words()}")
        return came

    def require(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for it. Raises GoneError."""
        if not self.wait(condition, PATIENCE_S):
            raise GoneError(f"{what} within {PATIENCE_S:.0f} s; see {self._log}")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def memory_kib(self) -> int:
        """What the process holds in memory (VmRSS)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self._write("stop")
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def close(self) -> None:
        """Let nothing run on."""
        if self.alive:
            self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _write(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                event: Event = json.loads(line)
                self.events.append(event)
                self._newest[event["event"]] = event
                self._counts[event["event"]] += 1
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class Home:
    """All of it in `directory`; `with` lets nothing run on. `firmware`: the module that is the speaker."""

    def __init__(self, directory: Path, firmware: str = FIRMWARE) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.state = directory / "device"
        self.decent = open_broker("mosquitto", 0, directory / "broker")
        self.port = self.decent.port
        self.cloud = self._open_cloud(directory)
        self._cloud_runs = False
        note = self.cloud.keys.note(datetime.now(UTC))
        (directory / "keys.note").write_text(note, encoding="utf-8")
        identity = load_or_make(self.state, "x25519")
        reply = (self.state / "reply.key").read_bytes()
        self.attacker = fuzz_messages.make_cloud(identity.device, self.cloud.keys.signer, note, reply)
        self.speaker = Speaker(firmware, self._write_settings(directory), directory / "device.log")

    def start_cloud(self) -> None:
        """Let the honest cloud connect."""
        self._cloud_runs = True
        self.cloud.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.speaker.close()
        self.cloud.stop()
        self.decent.stop()

    def _open_cloud(self, directory: Path) -> Cloud:
        path = directory / "cloud.toml"
        path.write_text(
            f'storage.directory = "cloud"\nbroker = {{ kind = "none", port = {self.port},'
            f" backoff_min_s = 0.05, backoff_max_s = 0.2 }}\n",
            encoding="utf-8",
        )
        return Cloud(cloud_config.load(path), ("127.0.0.1", self.port))

    def _write_settings(self, directory: Path) -> Path:
        path = directory / "device.toml"
        path.write_text(
            f'device.state_dir = "device"\n'
            f'privacy = {{ save = true, reader_suite = "x25519" }}\n'
            f'cloud = {{ root = "{self.cloud.keys.vkey}", keys = "keys.note" }}\n'
            f"uplink = {{ port = {self.port}, backoff_min_s = 0.02, backoff_max_s = 0.04 }}\n",
            encoding="utf-8",
        )
        return path
