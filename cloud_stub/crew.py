"""The workers of `[ingest] workers`, as processes that end with the cloud, however it ends; one that dies is
started again.
"""

import subprocess
import sys
from pathlib import Path

from cloud_stub.errors import CloudError, ConfigError, KeyFileError, StorageError

TERM_S = 20.0
UNFIT: dict[int, type[CloudError]] = {3: ConfigError, 5: KeyFileError, 6: StorageError}
"""With these a worker says that it cannot work."""

PASSING, TRIES, WELL = 6, 5, 30
"""A file may be busy for a while: it is tried so often, and anew once it went well for so many looks."""


class Crew:
    """Workers beside a cloud. port: of the broker. config: the settings file that they read, too."""

    def __init__(self, workers: int, port: int, config: Path | None) -> None:
        self._commands = [self._command(number, port, config) for number in range(workers)]
        self._children: list[subprocess.Popen[bytes]] = []
        self._passing, self._looks = [0] * workers, [0] * workers
        self.restarted = 0

    def start(self) -> None:
        """Start all of them."""
        self._children = [self._spawn(command) for command in self._commands]

    def look_after(self) -> None:
        """Start those again that have ended.

        Raises:
            ConfigError, KeyFileError, StorageError: one could not work, the last of them several times in
                a row, and has said why.
        """
        for at, child in enumerate(self._children):
            code = child.poll()
            self._looks[at] += 1
            if code is None and self._looks[at] == WELL:
                self._passing[at] = 0
            self._passing[at] += code == PASSING
            if code in UNFIT and (code != PASSING or self._passing[at] >= TRIES):
                raise UNFIT[code](f"worker-{at}: ended with {code}; its own line stands above")
            if code is not None:
                if child.stdin is not None:
                    child.stdin.close()
                self._children[at], self._looks[at] = self._spawn(self._commands[at]), 0
                self.restarted += 1

    def stop(self) -> None:
        """End all of them: each confirms what is durable, and the rest is dealt out at the next start."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            if child.stdin is not None:
                child.stdin.close()
            try:
                child.wait(TERM_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children = []

    @staticmethod
    def _command(number: int, port: int, config: Path | None) -> list[str]:
        settings = ["--config", str(config)] if config else []
        worker = [sys.executable, "-m", "cloud_stub", "worker", f"worker-{number}", "--port", str(port)]
        return [*worker, "--with-parent", *settings]

    @staticmethod
    def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdin=subprocess.PIPE)  # which ends when this process does
