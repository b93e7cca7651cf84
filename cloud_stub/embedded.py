"""amqtt 0.12 in a thread: the broker for machines without mosquitto. MQTT 3.1.1 only, everything in memory.

It keeps the messages of a client that is away, until it is stopped. It never listens beyond loopback.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Self, TypeVar

from amqtt.broker import Broker
from amqtt.errors import AMQTTError

from cloud_stub.errors import BrokerError
from cloud_stub.loopback import HOST, START_S, require_free

T = TypeVar("T")

# The bare authentication plugin lets everybody in. AnonymousAuthPlugin does so too, but then keeps no
# messages for a client that is away, by design.
WELCOME = "amqtt.plugins.base.BaseAuthPlugin"


class Amqtt:
    """An MQTT 3.1.1 broker inside this process, with an event loop of its own."""

    kind = "amqtt"

    def __init__(self, port: int) -> None:
        self.port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._broker: _Closing | None = None
        for name in ("amqtt", "transitions"):  # every impolite client is a warning there
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    def start(self) -> None:
        """Start the loop and listen."""
        require_free(self.port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="amqtt", daemon=True)
        self._thread.start()
        try:
            self._broker = self._run(_listen(self.port))
        except (AMQTTError, OSError) as error:
            self.stop()
            raise BrokerError(f"{HOST}:{self.port}: amqtt: {error}; set [broker] port") from error

    def stop(self) -> None:
        """Close the listener and every connection, and forget everything."""
        if self._loop is None or self._thread is None:
            return
        if self._broker is not None:
            self._run(self._broker.end())
        self._run(_let_go())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()
        self._loop = self._thread = self._broker = None

    def kill(self) -> None:
        """The same: MQTT 3.1.1 has no goodbye from the broker, and nothing here outlives it."""
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, work: Coroutine[object, object, T]) -> T:
        assert self._loop is not None  # noqa: S101 (for the type checker: start() made it)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S)


class _Closing(Broker):  # type: ignore[misc]  # amqtt carries no types
    """amqtt leaves the sockets of lost clients open; this one closes them."""

    def __init__(self, settings: dict[str, object]) -> None:
        super().__init__(settings)
        self._writers: set[asyncio.StreamWriter] = set()
        self._ending = False

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        if self._ending:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):  # the client went away while it was spoken to
                await super().stream_connected(reader, writer, listener_name)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def end(self) -> None:
        self._ending = True
        for writer in self._writers:  # a client that is still there would keep amqtt waiting for it
            writer.transport.abort()
        await self.shutdown()


async def _listen(port: int) -> _Closing:
    listener = {"type": "tcp", "bind": f"{HOST}:{port}"}
    broker = _Closing({"listeners": {"default": listener}, "plugins": {WELCOME: {}}})
    await broker.start()
    return broker


async def _let_go() -> None:
    """Let the tasks of closed connections run out, and cancel those that will not."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if not others:
        return
    _, stuck = await asyncio.wait(others, timeout=1.0)
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
