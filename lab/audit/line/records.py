"""TLS records: one side's stream cut into them, however it was split on the way (RFC 8446 section 5.1)."""

from collections.abc import Iterator
from typing import NamedTuple

from lab.audit.capture.stream import At
from lab.audit.line.nonsense import Nonsense

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
_HEADER_BYTES = 5
LARGEST_PLAIN_BYTES = 1 << 14
_LARGEST_BYTES = LARGEST_PLAIN_BYTES + 256
_FIRST_VERSION, _VERSION = b"\x03\x01", b"\x03\x03"


class Record(NamedTuple):
    """One record as it is on the wire; `at` is the packet that its last byte was in."""

    kind: int
    header: bytes
    body: bytes
    at: At


class Records:
    """Cuts one side's stream into records. It never holds more than one. A client's first has another version
    than all others, as every library makes it: where two would do, a device could choose.
    """

    def __init__(self, *, of_client: bool) -> None:
        self._rest = bytearray()
        self._version = _FIRST_VERSION if of_client else _VERSION

    @property
    def rest(self) -> int:
        """How many bytes have come of a record that is not whole."""
        return len(self._rest)

    def feed(self, data: bytes, at: At) -> Iterator[Record]:
        """Yield the records that are whole now. Raises Nonsense where there is none."""
        self._rest += data
        start = 0
        try:
            while len(self._rest) - start >= _HEADER_BYTES:
                header = bytes(self._rest[start : start + _HEADER_BYTES])
                end = start + _HEADER_BYTES + self._length(header)
                if end > len(self._rest):
                    return
                body = bytes(self._rest[start + _HEADER_BYTES : end])
                start = end
                self._version = _VERSION
                yield Record(header[0], header, body, at)
        finally:
            del self._rest[:start]

    def _length(self, header: bytes) -> int:
        kind, version, length = header[0], header[1:3], int.from_bytes(header[3:], "big")
        most = _LARGEST_BYTES if kind == APPLICATION_DATA else LARGEST_PLAIN_BYTES
        if not CHANGE_CIPHER_SPEC <= kind <= APPLICATION_DATA or version != self._version:
            raise Nonsense("bytes that are no record of TLS")
        if not 0 < length <= most:
            raise Nonsense(f"a record of {length} bytes, which TLS does not have")
        return length


class Messages:
    """Joins one side's handshake messages, however records split them: type, then 24 bits of length."""

    _MOST = 1 << 17

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def open(self) -> bool:
        """Whether a message is not whole yet."""
        return bool(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole now, with their headers."""
        self._rest += data
        while len(self._rest) >= 4:
            end = 4 + int.from_bytes(self._rest[1:4], "big")
            if end > self._MOST:
                raise Nonsense(f"a handshake message of {end} bytes")
            if end > len(self._rest):
                return
            whole = bytes(self._rest[:end])
            del self._rest[:end]
            yield whole
