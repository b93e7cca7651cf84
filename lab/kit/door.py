"""The door in front of a real broker: open, shut or emptied. It reads no packet."""

import socket
import threading
from contextlib import suppress

from cloud_stub.loopback import HOST, free_port
from lab.kit.connection import Connection, Watch
from lab.kit.faults import Faults

_PATIENCE_S = 10.0


class Door:
    """Listens on 127.0.0.1 for clients of the broker at `broker_port`; `open` and `shut` at will."""

    def __init__(self, broker_port: int, faults: Faults, watch: Watch) -> None:
        self.port = free_port()
        self._broker_port = broker_port
        self._faults = faults
        self._watch = watch
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ever: list[Connection] = []

    @property
    def is_open(self) -> bool:
        """Whether anybody can call."""
        return self._listener is not None

    def of(self, client: str) -> list[Connection]:
        """Every connection on which that client subscribed to something, and those of its that stand."""
        with self._lock:
            return [each for each in self._ever if each.client == client]

    @property
    def connections(self) -> list[Connection]:
        """Those that stand."""
        with self._lock:
            return [each for each in self._ever if not each.dead.is_set()]

    def filters(self, *, lost: bool = False) -> set[str]:
        """What clients have subscribed to and hear now; or, `lost`, do not, for their connection broke."""
        with self._lock:
            last = {each.client: each for each in self._ever if each.traffic.filters}.values()
        ended = [each for each in last if each.dead.is_set()]
        broken = [each for each in ended if not each.traffic.said_goodbye]
        chosen = broken if lost else [each for each in last if each not in ended]
        return {topic_filter for each in chosen for topic_filter in list(each.traffic.filters)}

    def _session(self, client: str) -> set[str]:
        """What a client had subscribed to when it was here last."""
        return {found for each in self.of(client) for found in list(each.traffic.filters)}

    def open(self) -> None:
        """Listen."""
        self._listener = socket.create_server((HOST, self.port))
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), name="door", daemon=True)
        self._thread.start()

    def shut(self) -> None:
        """Refuse new callers, at the level of TCP; those inside may stay."""
        listener, self._listener = self._listener, None
        if listener is not None and self._thread is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who waits in accept
            self._thread.join(_PATIENCE_S)
            listener.close()

    def empty(self) -> None:
        """Break every connection, and return when they are gone."""
        for connection in self.connections:
            connection.cut()
        self.wait_until_empty()

    def wait_until_empty(self) -> None:
        """Return when every connection has ended by itself, or after some patience."""
        with self._lock:
            all_of_them = list(self._ever)
        for connection in all_of_them:
            connection.join()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._let_in(client)

    def _let_in(self, client: socket.socket) -> None:
        try:
            broker = socket.create_connection((HOST, self._broker_port), _PATIENCE_S)
        except OSError:
            client.close()
            return
        for end in (client, broker):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(client, broker, self._faults, self._watch, self._session)
        with self._lock:
            self._ever = [each for each in self._ever if each.traffic.filters or not each.dead.is_set()]
            self._ever.append(connection)
        connection.start()
