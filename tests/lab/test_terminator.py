"""The laboratory's end of the TLS line leaves no call open, whatever a caller does. It needs no root here."""

import contextlib
import gc
import socket
import ssl
from pathlib import Path
from typing import NamedTuple

import pytest

from device.certificate import tls_context
from lab.enclosure.cable import LAB
from lab.enclosure.credentials import issue
from lab.enclosure.terminator import Terminator, server_context


class Ends(NamedTuple):
    """A terminator that leads to no broker, where it listens, and the device's side of TLS."""

    terminator: Terminator
    address: tuple[str, int]
    device: ssl.SSLContext

    def close(self) -> None:
        self.terminator.close()
        gc.collect()  # what was left open is found now


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    authority, pair = issue(tmp_path / "line", tmp_path, "x25519")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    terminator = Terminator(server_context(pair, authority, tmp_path / "keys"), address, 1)
    terminator.open()
    return Ends(terminator, address, tls_context(authority, tmp_path / "tls.pem"))


def test_who_says_no_goodbye_is_hung_up_on(ends: Ends) -> None:
    with ends.device.wrap_socket(socket.create_connection(ends.address), server_hostname=LAB):
        ends.close()  # it waits for a goodbye, since there is no broker


@pytest.mark.parametrize(
    "greeting", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"], ids=["nothing", "a part", "another"]
)
def test_who_does_not_greet_is_hung_up_on(ends: Ends, greeting: bytes) -> None:
    with socket.create_connection(ends.address, 10) as call:
        call.sendall(greeting)
        ends.close()
        with contextlib.suppress(ConnectionResetError):
            assert call.recv(100)[:1] in (b"", b"\x15")  # nothing, or an alert


def test_the_socket_of_a_greeting_that_failed_is_closed_at_once(ends: Ends) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        plain = socket.create_connection(rude.getsockname())
        call = ends.device.wrap_socket(plain, server_hostname=LAB, do_handshake_on_connect=False)
        rude.accept()[0].close()
        with pytest.raises(OSError, match=r"."):
            call.do_handshake()
        assert call.fileno() == -1
    ends.close()
