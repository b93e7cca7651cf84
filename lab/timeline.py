"""The laboratory's timeline: what happened, at which sample, one canonical JSON object a line.

It is told by the speaker, the cloud and the scenario, from their threads; it never holds audio.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TextIO

import msgspec

Event = dict[str, Any]


class Timeline:
    """Writes to `path`; remembers everything but scores, which are many; tells `watch` as it happens."""

    def __init__(self, path: Path, watch: Callable[[Event], None] | None = None) -> None:
        self._path = path
        self._watch = watch
        self._file: TextIO | None = None
        self._lock = Lock()
        self.events: list[Event] = []

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, kind: str, sample: int, /, **fields: object) -> None:
        """Write one event; the signature of `device.witness.Witness`."""
        event = {"kind": kind, "sample": sample, **{k: v for k, v in fields.items() if v is not None}}
        with self._lock:
            if self._file is not None:
                self._file.write(msgspec.json.encode(event, order="sorted").decode() + "\n")
            if kind != "score":
                self.events.append(event)
        if self._watch is not None:
            self._watch(event)

    def of(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds, in the order they happened."""
        return [event for event in self.events if event["kind"] in kinds]
