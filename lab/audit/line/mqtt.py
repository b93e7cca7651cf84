"""MQTT packets, 3.1.1 and 5, read strictly: what a client says, and what of it nothing in MQTT needs.

Pure. Of a message only its length and hash are kept.
"""

from hashlib import sha256
from sys import intern
from typing import NamedTuple

from lab.audit.line.cursor import Cursor
from lab.audit.line.nonsense import Nonsense

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = (
    1,
    2,
    3,
    4,
    8,
    9,
    12,
    13,
    14,
)
FIVE, THREE = 5, 4
_MAXIMUM_PACKET_SIZE = b"\x27" + (1 << 20).to_bytes(4, "big")
"""The one property of a device's CONNECT: it takes a mebibyte (docs/wire-format.md)."""


class Will(NamedTuple):
    """A last will."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(NamedTuple):
    """A CONNECT. `form` is what every connection of one device shares; `more` what only others have."""

    level: int
    client: str
    will: Will | None
    form: tuple[object, ...]
    alive_s: int
    more: tuple[str, ...]


class Publish(NamedTuple):
    """A PUBLISH: its message by length and hash. `more`: how many bytes of properties it has."""

    topic: str
    size: int
    sha256: str
    qos: int
    retain: bool
    again: bool
    number: int
    more: int


class Subscribe(NamedTuple):
    """A SUBSCRIBE."""

    number: int
    wanted: tuple[tuple[str, int], ...]
    more: int


def connect(first: int, body: bytes) -> Connect:
    """Take a CONNECT apart."""
    cursor = Cursor(body, "a CONNECT")
    name, level, flags, alive = cursor.vector(2), cursor.number(1), cursor.number(1), cursor.number(2)
    if first != CONNECT << 4 or name != b"MQTT" or level not in (THREE, FIVE) or flags & 1:
        raise Nonsense("a CONNECT that is not of MQTT 3.1.1 or 5")
    properties = _properties(cursor, level)
    client = _text(cursor)
    will = _will(cursor, level, flags)
    more = ["a user name"] if flags & 0x80 and cursor.vector(2) is not None else []
    more += ["a password"] if flags & 0x40 and cursor.vector(2) is not None else []
    if not flags & 0x04 and flags & 0x38:
        raise Nonsense("a CONNECT with flags of a will that it does not have")
    if properties not in (b"", _MAXIMUM_PACKET_SIZE):
        more.append(f"{len(properties)} bytes of properties")
    if not flags & 0x02:
        more.append("a session that goes on")
    cursor.end()
    return Connect(level, client, will, (level, flags, alive, properties), alive, tuple(more))


def publish(first: int, body: bytes, level: int) -> Publish:
    """Take a PUBLISH apart."""
    cursor = Cursor(body, "a PUBLISH")
    qos = first >> 1 & 3
    topic = intern(_text(cursor))
    number = cursor.number(2) if qos else 0
    more = len(_properties(cursor, level))
    if qos == 3 or (qos and not number):
        raise Nonsense("a PUBLISH of no quality of service that there is")
    size, digest = cursor.left, sha256(cursor.rest()).hexdigest()
    return Publish(topic, size, digest, qos, bool(first & 1), bool(first & 8), number, more)


def subscribe(first: int, body: bytes, level: int) -> Subscribe:
    """Take a SUBSCRIBE apart."""
    cursor = Cursor(body, "a SUBSCRIBE")
    number, more = cursor.number(2), len(_properties(cursor, level))
    wanted = []
    while cursor.left:
        wanted.append((_text(cursor), cursor.number(1)))
    if first != SUBSCRIBE << 4 | 2 or not wanted or not number:
        raise Nonsense("a SUBSCRIBE that is none")
    return Subscribe(number, tuple(wanted), more)


def confirmed(first: int, body: bytes) -> tuple[int, int]:
    """Which PUBLISH a PUBACK confirms, and how many bytes it has that it need not have."""
    cursor = Cursor(body, "a PUBACK")
    number = cursor.number(2)
    if first != PUBACK << 4:
        raise Nonsense("a PUBACK with flags")
    return number, cursor.left


def _will(cursor: Cursor, level: int, flags: int) -> Will | None:
    if not flags & 0x04:
        return None
    if _properties(cursor, level):
        raise Nonsense("a last will with properties, which nobody needs")
    return Will(_text(cursor), cursor.vector(2), flags >> 3 & 3, bool(flags & 0x20))


def _properties(cursor: Cursor, level: int) -> bytes:
    """The properties that come next, as they are; MQTT 3.1.1 has none."""
    if level != FIVE:
        return b""
    length = 0
    for place in range(4):
        digit = cursor.number(1)
        length |= (digit & 127) << 7 * place
        if not digit & 128:
            if place and not digit:
                break
            return cursor.take(length)
    raise Nonsense("properties whose length is none")


def _text(cursor: Cursor) -> str:
    try:
        return cursor.vector(2).decode()
    except UnicodeDecodeError as error:
        raise Nonsense("a string of MQTT that is not UTF-8") from error
