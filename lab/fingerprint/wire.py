"""A stretch of cable between a speaker and its broker on which somebody counts: when, how much, which way.

It passes everything on unchanged, and keeps no payload.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

from lab.fingerprint.framing import Splitter

HOST = "127.0.0.1"
_READ = 1 << 16
_PATIENCE_S = 5.0


class Record(NamedTuple):
    """One record on the wire; `sample` is when its last byte passed."""

    sample: int
    size: int
    up: bool


class Wire:
    """Listens on a port of its own and carries every connection to the broker's. `with` closes it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._now: Callable[[], int] = lambda: 0
        self._broker_port = 0

    def between(self, broker_port: int, now: Callable[[], int]) -> int:
        """Lead to the broker at `broker_port`, dating by `now`; return the port that the speaker calls."""
        self._broker_port, self._now = broker_port, now
        self._run(self._accept)
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            for end in (self._listener, *self._ends):
                _close(end)
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def _run(self, what: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=what, args=args, name="wire", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: nobody calls any more
            while True:
                speaker, _ = self._listener.accept()
                self._join(speaker)

    def _join(self, speaker: socket.socket) -> None:
        try:
            broker = socket.create_connection((HOST, self._broker_port), _PATIENCE_S)
        except OSError:
            speaker.close()  # as the broker itself would: the speaker comes back
            return
        broker.settimeout(None)
        with self._lock:
            self._ends += [speaker, broker]
        for end in (speaker, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._run(self._carry, speaker, broker, True)
        self._run(self._carry, broker, speaker, False)

    def _carry(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        splitter = Splitter()
        with suppress(OSError):  # either end hung up
            while data := source.recv(_READ):
                now = self._now()
                with self._lock:
                    self.records += [Record(now, size, up) for size in splitter.hear(data)]
                target.sendall(data)
        _close(target)
        _close(source)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
