"""A broker written by hand that ignores what was subscribed and sends whatever bytes it is given.

It speaks MQTT just far enough to be believed: CONNACK, SUBACK, PINGRESP. It confirms no message.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

PATIENCE_S = 30.0
_CONNECT, _PUBLISH, _SUBSCRIBE, _PINGREQ = 1, 3, 8, 12


class Broker:
    """Takes one connection at a time on `port`; `said` holds every topic that the device published on."""

    def __init__(self, port: int) -> None:
        self._door = socket.create_server(("127.0.0.1", port))
        self._door.settimeout(PATIENCE_S)
        self._line = socket.socket()
        self.level = 0
        self.said: list[str] = []
        self.gone = threading.Event()

    def accept(self) -> None:
        """Hang up, take the next connection and read its CONNECT. Raises OSError when none comes."""
        while True:
            self.hang_up()
            self._line, _ = self._door.accept()
            self._line.settimeout(PATIENCE_S)
            with contextlib.suppress(EOFError, OSError):
                kind, body = self._read()
                if kind == _CONNECT:
                    self.level = body[6]
                    return

    def welcome(self) -> None:
        """CONNACK and SUBACK; from then on whatever the device says is read and, but for pings, ignored."""
        while True:
            self.accept()
            with contextlib.suppress(EOFError, OSError):
                self.send(packed(0x20, b"\0\0\0" if self.level == 5 else b"\0\0"))
                kind, body = self._read()
                if kind == _SUBSCRIBE:
                    self.send(packed(0x90, body[:2] + (b"\0" if self.level == 5 else b"") + b"\1" * 4))
                    self.gone = threading.Event()
                    threading.Thread(target=self._listen, args=(self._line, self.gone), daemon=True).start()
                    return

    def send(self, data: bytes) -> bool:
        """Send bytes as they are; False when the device has hung up."""
        try:
            self._line.sendall(data)
        except OSError:
            return False
        return True

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0) -> bool:
        """Send a message on any topic, subscribed or not."""
        return self.send(publication(topic, payload, self.level, retain=retain, qos=qos))

    def hang_up(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._door.close()

    def _listen(self, line: socket.socket, gone: threading.Event) -> None:
        with contextlib.suppress(EOFError, OSError):
            line.settimeout(None)
            while True:
                kind, body = self._read(line)
                if kind == _PINGREQ:
                    line.sendall(packed(0xD0, b""))
                elif kind == _PUBLISH:
                    self.said.append(body[2 : 2 + int.from_bytes(body[:2], "big")].decode())
        gone.set()

    def _read(self, line: socket.socket | None = None) -> tuple[int, bytes]:
        line = line or self._line
        first, length, shift = _take(line, 1)[0], 0, 0
        while True:
            digit = _take(line, 1)[0]
            length |= (digit & 127) << shift
            shift += 7
            if not digit & 128:
                return first >> 4, _take(line, length)


def packed(first: int, body: bytes) -> bytes:
    """An MQTT packet."""
    length, left = b"", len(body)
    while not length or left:
        left, digit = left >> 7, left & 127
        length += bytes([digit | (128 if left else 0)])
    return bytes([first]) + length + body


def publication(topic: str, payload: bytes, level: int, *, retain: bool, qos: int) -> bytes:
    """A PUBLISH as MQTT 5 (level 5) or 3.1.1 (level 4) has it."""
    name = topic.encode("utf-8", "surrogatepass")
    head = len(name).to_bytes(2, "big") + name + (b"\1\1" if qos else b"")
    return packed(0x30 | qos << 1 | int(retain), head + (b"\0" if level == 5 else b"") + payload)


def _take(line: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = line.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data
