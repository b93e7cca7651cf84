"""Ears at an address: a real server of the Wyoming protocol on a real socket, and servers that are none."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from wyoming.asr import Transcript
from wyoming.event import Event
from wyoming.server import AsyncEventHandler, AsyncServer

from cloud_stub.errors import ConfigError
from cloud_stub.hearing.mind import Settings, open_mind
from cloud_stub.hearing.wyoming_ears import WyomingEars


class Recogniser(AsyncEventHandler):
    """Says how much it was given: real ears would say what."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.heard = b""

    async def handle_event(self, event: Event) -> bool:
        self.heard += event.payload or b""
        if event.type == "audio-stop":
            text = f"Play, the BEATLES! {len(self.heard)}"
            await self.write_event(Transcript(text=text).event())
        return True


@contextmanager
def wyoming() -> Iterator[str]:
    """A server by the protocol's own package."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    loop, server = asyncio.new_event_loop(), AsyncServer.from_uri(f"tcp://127.0.0.1:{port}")

    async def stop() -> None:
        await server.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(Recogniser), loop).result(10)
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does what it likes with its first caller."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            caller, _ = server.accept()
            with caller:
                answer(caller)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join(20)


def test_it_hears_by_the_protocol_and_in_plain_words():
    with wyoming() as address:
        assert WyomingEars(address, may_leave=False).hear(bytes(10_000)) == "play the beatles 10000"


def test_the_mind_answers_with_such_ears():
    with wyoming() as address:
        answer = open_mind(Settings(ears=address, voice=False)).answer(bytes(6400))
    assert answer.heard == "play the beatles 6400"


def hang_up(caller):
    caller.recv(100)


def nonsense(caller):
    caller.sendall(b"\x00\xff nonsense\n" * 10)
    caller.recv(100)


def other_things(caller):
    caller.sendall(b'{"type": "pong"}\n' * 200)
    caller.recv(100_000)


def no_type(caller):
    caller.sendall(b'{"data": 7}\n[1]\n')
    caller.recv(100)


def endless(caller):
    caller.sendall(b'{"type": "transcript", "data": {"text": "' + b"a" * 100_000)
    caller.recv(100)


def silence(caller):
    while caller.recv(65_536):
        pass


@pytest.mark.parametrize("answer", [hang_up, nonsense, other_things, no_type, endless, silence])
def test_ears_that_are_none_heard_nothing(answer):
    with answering(answer) as address:
        assert WyomingEars(address, may_leave=False, limit_s=1.0).hear(bytes(3200)) == ""


def test_nobody_there_heard_nothing():
    assert WyomingEars("tcp://127.0.0.1:1", may_leave=False).hear(bytes(3200)) == ""


@pytest.mark.parametrize(
    "address", ["whisper", "http://127.0.0.1:1", "tcp://127.0.0.1", "tcp://:1", "tcp://a:b"]
)
def test_what_is_no_address_is_one_line(address):
    with pytest.raises(ConfigError, match=r"\[hearing\] ears"):
        WyomingEars(address, may_leave=True)


@pytest.mark.parametrize("address", ["tcp://192.168.1.7:10300", "tcp://whisper.example:10300"])
def test_another_machine_must_be_allowed(address):
    with pytest.raises(ConfigError, match="may_leave"):
        WyomingEars(address, may_leave=False)
    WyomingEars(address, may_leave=True)
    WyomingEars("tcp://localhost:10300", may_leave=False)
