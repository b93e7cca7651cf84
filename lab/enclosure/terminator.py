"""The laboratory's end of the TLS line: what the device sends is decrypted here, with the session's secrets
written down, and handed to the broker. The firmware has no switch for that, and gets none.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lab.enclosure.errors import EnclosureError

_PATIENCE_S = 10.0
_GOODBYE_S = 1.0
_AT_ONCE = 65_536


class Terminator:
    """Listens at `address` in the namespace that `open` is called in, and leads to `port` of 127.0.0.1 where
    the thread began that made it.

    context: the server's. Whoever gets no connection to the broker is hung up on.
    """

    def __init__(self, context: ssl.SSLContext, address: tuple[str, int], port: int) -> None:
        self._context = context
        self._address = address
        self._port = port
        self._listening: socket.socket | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="terminator", daemon=True)
        self._thread.start()

    def open(self) -> None:
        """Listen. Raises EnclosureError."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(self._address)
        except OSError as error:
            listening.close()
            raise EnclosureError(f"{self._address[0]}:{self._address[1]}: {error.strerror}") from error
        listening.listen()
        listening.setblocking(False)
        self._run(self._listen(listening))

    def shut(self) -> None:
        """Listen no more, and hang up on everybody."""
        self._run(self._hang_up())

    def close(self) -> None:
        """Shut, and end the thread."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    # asyncio's own server tells nobody of callers that have not finished the TLS handshake, so none could be
    # hung up on. Here each has a task from the moment that it is accepted.

    async def _listen(self, listening: socket.socket) -> None:
        self._listening = listening
        self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            caller, _ = listening.accept()
        except OSError:  # it was gone again
            return
        caller.setblocking(False)
        call = self._loop.create_task(self._called(caller))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        call.add_done_callback(lambda _call: caller.close())  # that of a task that never began, too

    async def _hang_up(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        calls = list(self._calls)
        await (
            _turns()
        )  # whoever was just accepted gets a transport first: asyncio closes none that is not whole
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await _turns()  # and closes one some turns later

    async def _called(self, caller: socket.socket) -> None:
        writers: list[asyncio.StreamWriter] = []
        try:
            device = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(device)
            secured, _ = await self._loop.connect_accepted_socket(lambda: protocol, caller, ssl=self._context)
            to_device = asyncio.StreamWriter(secured, protocol, device, self._loop)
            writers.append(to_device)
            broker, to_broker = await asyncio.open_connection("127.0.0.1", self._port)
            writers.append(to_broker)
            either = {
                asyncio.create_task(_copy(device, to_broker)),
                asyncio.create_task(_copy(broker, to_device)),
            }
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in either:
                    each.cancel()
                await asyncio.gather(*either, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for writer in writers:
                await _end(writer)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_AT_ONCE):
            target.write(data)
            await target.drain()


async def _turns() -> None:
    """Let the loop do what is due, and what that brings about."""
    for _ in range(4):
        await asyncio.sleep(0)


async def _end(writer: asyncio.StreamWriter) -> None:
    """Close it in peace, if its other end says goodbye in time, and nobody hurries."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), _GOODBYE_S)
    except (OSError, TimeoutError, asyncio.CancelledError):
        writer.transport.abort()


def server_context(pair: Path, authority: Path, keys: Path) -> ssl.SSLContext:
    """TLS 1.3 with the certificate in `pair`; callers need one of `authority`. Secrets go to `keys`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    context.load_cert_chain(pair)
    context.keylog_filename = str(keys)
    return context
