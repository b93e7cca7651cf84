"""What came through the broker, written down as it came: ciphertext, as a broker's owner could keep it.

The laboratory's cloud hands every message on before anything of it is checked. `opening` reads it back with
a reader's key.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import msgspec

from lab.errors import RunError

FILE = "sent.jsonl"


class Sent(NamedTuple):
    """One message as the broker passed it on."""

    topic: str
    payload: bytes


class Tap:
    """Appends to `directory`/sent.jsonl; any thread may write."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / FILE).open("w", encoding="utf-8")
        self._lock = Lock()

    def write(self, topic: str, payload: bytes) -> None:
        """Write one message down."""
        line = msgspec.json.encode({"topic": topic, "payload": base64.b64encode(payload).decode()}).decode()
        with self._lock:
            self._file.write(line + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(directory: Path) -> Iterator[Sent]:
    """Yield what a tap wrote down.

    Raises:
        RunError: there is no such file, or it is damaged.
    """
    path = directory / FILE
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield _parse(path, number, line)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; name the folder of a run") from error


def _parse(path: Path, number: int, line: bytes) -> Sent:
    try:
        fields = msgspec.json.decode(line, type=dict[str, str])
        return Sent(fields["topic"], base64.b64decode(fields["payload"], validate=True))
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise RunError(f"{path}: line {number} is not a message; run the scenario again") from error
