"""The firmware, the cloud and a mosquitto as three processes, as their owners would start them.

It starts, kills and ends them, and reads what they leave on disk. It never reaches into one that runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import soundfile

from cloud_stub.broker import Broker, open_broker
from hardware.board import RATE_HZ

ROOT = Path(__file__).resolve().parents[1]
AUDIO = ROOT / "lab" / "scenarios" / "audio"
PARTS = ("device", "broker", "cloud")
GOODBYE_S = 30.0


Settings = Mapping[str, Mapping[str, Any]]


class EndedError(RuntimeError):
    """A process that nobody killed is gone, or would not go when asked."""


class Child:
    """One of our command lines as a process; what it says is appended to `log`."""

    def __init__(self, module: str, settings: Path, log: Path) -> None:
        self._module = module
        self._settings = settings
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._said = 0

    @property
    def ready(self) -> bool:
        """Whether it said since its start that it listens: it does what SIGTERM asks."""
        with self._log.open("rb") as log:
            log.seek(self._said)
            return any(line.startswith((b"starting as", b"ready:")) for line in log)

    def start(self) -> None:
        """Start it; it is not waited for."""
        with self._log.open("ab") as log:
            self._said = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, "run", "--config", self._settings],
                cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL. Raises EndedError when it was gone already."""
        self.watch()
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; return the exit code. Raises EndedError when it does not go."""
        self.watch()
        return self._end(signal.SIGTERM)

    def watch(self) -> None:
        """Raise EndedError when it ended by itself."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            self._process = None
            raise EndedError(f"{self._module}: ended by itself with {code}: {self._last_words()}")

    def close(self) -> None:
        """Let nothing run on, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise EndedError(
                f"{self._module}: did not end within {GOODBYE_S:.0f} s of {number.name}"
            ) from error

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it said nothing; see {self._log}"


class Room(NamedTuple):
    """What sounds: the recordings in turn, `times` over, each after a pause, at `pace` times real time.

    The pause is time to connect, and for the end of the last question and its answer.
    """

    pace: str = "6"
    pause_s: float = 6.0
    questions: Sequence[str] = ("alexa_time", "alexa_weather", "alexa_volume", "alexa_timer")
    times: int = 100


class Home:
    """A speaker in a `room`, its broker and its cloud in `directory`; `with` lets nothing run on."""

    def __init__(self, directory: Path, room: Room) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.state = directory / "device"
        self.vault = directory / "cloud" / "vault"
        self.keys = directory / "cloud" / "keys"
        self._directory = directory
        self._room = room
        self._broker = open_broker("mosquitto", 0, directory / "broker")
        self.port = self._broker.port
        self._write_cloud()
        self._root = self._provision()
        self._play([AUDIO / f"{name}.flac" for name in room.questions] * room.times)
        self._children = {
            name: Child(module, directory / f"{name}.toml", directory / f"{name}.log")
            for name, module in (("device", "device"), ("cloud", "cloud_stub"))
        }
        self._running: set[str] = set()

    def start(self, *names: str) -> None:
        """Start the parts named that do not run."""
        for name in names:
            if name not in self._running:
                self._part(name).start()
                self._running.add(name)

    def kill(self, name: str) -> None:
        """SIGKILL one part. Raises EndedError when it was gone before."""
        self._running.discard(name)
        self._part(name).kill()

    def stop(self, name: str) -> int:
        """End the device or the cloud with SIGTERM; return its exit code. Raises EndedError."""
        self._running.discard(name)
        return self._children[name].stop()

    def ready(self, name: str) -> bool:
        """Whether the device or the cloud, started, listens by now."""
        return self._children[name].ready

    def watch(self) -> None:
        """Raise EndedError when the device or the cloud ended by itself."""
        for name in self._running & self._children.keys():
            self._children[name].watch()

    def hush(self) -> None:
        """From its next start on, the room is silent."""
        self._play([])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children.values():
            child.close()
        self._broker.stop()

    def _part(self, name: str) -> Child | Broker:
        return self._broker if name == "broker" else self._children[name]

    def _write_cloud(self) -> None:
        settings: Settings = {
            "storage": {"directory": "cloud"},
            "broker": {"kind": "none", "port": self.port, "backoff_min_s": 0.05, "backoff_max_s": 0.2},
            "ingest": {"truncated_after_s": 3.0},
        }
        _write(self._directory / "cloud.toml", settings)

    def _provision(self) -> str:
        """What an owner does once: write the cloud's keys note, and return the root that a device pins."""
        settings = str(self._directory / "cloud.toml")
        command = [sys.executable, "-m", "cloud_stub", "keys", "--config", settings]
        return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def _play(self, recordings: Sequence[Path]) -> None:
        pause = self._directory / "pause.flac"
        soundfile.write(pause, np.zeros(round(self._room.pause_s * RATE_HZ), np.int16), RATE_HZ)
        sounds = [str(each) for recording in recordings for each in (pause.resolve(), recording)]
        settings: Settings = {
            "device": {"state_dir": "device"},
            "board": {"name": "sim", "room": sounds, "pace": self._room.pace},
            "privacy": {"save": True},
            "cloud": {"root": self._root, "keys": str((self.keys / "keys.note").resolve())},
            "uplink": {"port": self.port, "backoff_min_s": 0.05, "backoff_max_s": 0.2, "ask_again_s": 3.0},
        }
        _write(self._directory / "device.toml", settings)


def _write(path: Path, settings: Settings) -> None:
    """Write TOML that is never half there: the child that reads it may start at any moment."""
    lines = [
        line
        for section, values in settings.items()
        for line in (f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()))
    ]
    draft = path.with_suffix(".new")
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(draft, path)
