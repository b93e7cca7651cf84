"""What the steps of a proof work on: a root with this checkout in it, a log, the owner's key.

It judges nothing but whether a command ended well.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from device.envelope import ReaderKey
from scripts.arm64_opened import Heard, room
from scripts.arm64_root import SUITES, Root, base, last_line

CHECKOUT = Path(__file__).resolve().parents[1]
RECORDING = "lab/scenarios/audio/alexa_time.flac"
SOURCE = "/usr/local/src/overheard"
CURRENT = "/opt/overheard/current"
USER = "overheard"
STATE = "/var/lib/overheard"
NOT_COPIED = shutil.ignore_patterns(".*", "out", "__pycache__", "*.egg-info")


class StepError(Exception):
    """A step did not do what it should; what it said is in the log."""


class Proof:
    """What the steps work on. Everything that was said goes to `log`."""

    def __init__(self, cache: Path, suite: str) -> None:
        self.cache, self.suite = cache, suite
        self.log = cache / f"{suite}.log"
        self.key = ReaderKey.generate("mlkem768-x25519")
        self.sounded = room(CHECKOUT / RECORDING)
        self.heard: Heard | None = None
        self._root: Root | None = None

    @property
    def root(self) -> Root:
        """The root. Raises StepError before there is one."""
        if self._root is None:
            raise StepError("there is no root")
        return self._root

    def open(self) -> None:
        """Open the suite's base as new."""
        self._root = Root(base(self.cache, self.suite), "proof")

    def must(self, *command: str | Path, user: str = "root") -> str:
        """Run a command inside; return what it said. Raises StepError unless it ends with 0."""
        done = self.root.run(*command, user=user, log=self.log)
        if done.returncode != 0:
            raise StepError(f"{command[0]} ended with {done.returncode}: {last_line(done.stdout)}")
        return done.stdout

    def site(self) -> Path:
        """The installed packages."""
        release = os.readlink(self.root.inside(CURRENT))
        release = os.path.join("/opt/overheard", release)
        return self.root.inside(f"{release}/lib/python{SUITES[self.suite]}/site-packages")
