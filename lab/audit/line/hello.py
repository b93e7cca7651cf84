"""The two hellos of TLS 1.3, and what of a ClientHello is free: all else is the same in every connection.

A device that may say what it likes in here has somewhere to hide. So extensions are of those that a client
needs, each once; what is said in them is `form`, which connections of one device share; and what must be
random is counted: `free` bytes, in which nobody can tell chance from ciphertext.
"""

from typing import NamedTuple

from lab.audit.line.cursor import Cursor
from lab.audit.line.nonsense import Nonsense

_SNI, _TICKET, _PADDING, _PSK, _EARLY, _VERSIONS, _COOKIE, _SHARE = 0, 35, 21, 41, 42, 43, 44, 51
_EMPTY = frozenset({22, 23, 49})
_RENEGOTIATION, _COMPRESSION = 65_281, 27
_MOST_BYTES = 2048
"""A ClientHello of OpenSSL has 517 bytes, or some 1,700 with a key share against quantum computers."""
_KNOWN = frozenset({_SNI, 10, 11, 13, _TICKET, _PADDING, _PSK, _EARLY, _VERSIONS, _COOKIE, 45, 50, _SHARE})
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3)."""


class ClientHello(NamedTuple):
    """What a client says first. `faults` are what no honest client says; `tickets` the earlier sessions that
    it would go on with.
    """

    random: bytes
    session: bytes
    name: str
    form: tuple[object, ...]
    free: int
    faults: tuple[str, ...]
    tickets: tuple[bytes, ...] = ()


class ServerHello(NamedTuple):
    """What a server answers. `tls13` is False for what is older."""

    session: bytes
    suite: int
    retry: bool
    tls13: bool


def client_hello(body: bytes) -> ClientHello:
    """Take the body of a ClientHello apart. Raises Nonsense."""
    cursor = Cursor(body, "a ClientHello")
    version, random, session = cursor.number(2), cursor.take(32), cursor.vector(1)
    suites, compression = cursor.vector(2), cursor.vector(1)
    extensions = _extensions(cursor.vector(2), "a ClientHello")
    cursor.end()
    if version != 0x0303 or compression != b"\0" or len(session) not in (0, 32):
        raise Nonsense("a ClientHello that is not of TLS 1.3")
    form: list[object] = [len(session), suites]
    free, faults = 32 + len(session), []
    if len(body) > _MOST_BYTES:
        faults.append(f"a ClientHello of {len(body)} bytes")
    for kind, data in extensions.items():
        faults += _fault(kind, data)
        said, random_bytes = _said(kind, data)
        form += [(kind, said)] if kind not in (_PADDING, _COOKIE, _PSK) else []
        free += random_bytes
    name = _name(extensions[_SNI]) if _SNI in extensions else ""
    tickets = _tickets(extensions.get(_PSK, b""))
    return ClientHello(random, session, name, tuple(form), free, tuple(faults), tickets)


def server_hello(body: bytes) -> ServerHello:
    """Take the body of a ServerHello apart. Raises Nonsense."""
    cursor = Cursor(body, "a ServerHello")
    version, random, session = cursor.number(2), cursor.take(32), cursor.vector(1)
    suite, compression = cursor.number(2), cursor.number(1)
    extensions = _extensions(cursor.vector(2), "a ServerHello") if cursor.left else {}
    cursor.end()
    if version != 0x0303 or compression:
        raise Nonsense("a ServerHello that is of no TLS that is read here")
    return ServerHello(session, suite, random == _RETRY, extensions.get(_VERSIONS) == b"\x03\x04")


def _extensions(data: bytes, what: str) -> dict[int, bytes]:
    cursor, found = Cursor(data, what), dict[int, bytes]()
    while cursor.left:
        kind = cursor.number(2)
        if kind in found:
            raise Nonsense(f"{what} that has extension {kind} twice")
        found[kind] = cursor.vector(2)
    return found


def _fault(kind: int, data: bytes) -> list[str]:
    """What no honest client says in an extension."""
    if kind == _EARLY:
        return ["data before the handshake is over (early data)"]
    if kind not in _KNOWN | _EMPTY and not _is_small(kind, data):
        return [f"{len(data)} bytes in extension {kind} of a ClientHello, which no client needs"]
    if (kind in _EMPTY or kind == _TICKET) and data:
        return [f"{len(data)} bytes in extension {kind} of a ClientHello, which is empty"]
    if kind == _PADDING and data.strip(b"\0"):
        return ["padding of a ClientHello that is not zero"]
    return []


def _is_small(kind: int, data: bytes) -> bool:
    """Whether it is one of two that newer versions of OpenSSL have, and says no more than they do."""
    return (kind, data) == (_RENEGOTIATION, b"\0") or (kind == _COMPRESSION and len(data) <= 7)


def _tickets(data: bytes) -> tuple[bytes, ...]:
    """The identities in a pre_shared_key extension (RFC 8446 section 4.2.11); each has an age behind it."""
    if not data:
        return ()
    cursor = Cursor(Cursor(data, "an earlier session").vector(2), "an earlier session")
    tickets = []
    while cursor.left:
        tickets.append(cursor.vector(2))
        cursor.take(4)
    return tuple(tickets)


def _said(kind: int, data: bytes) -> tuple[object, int]:
    """What is said in an extension but for what is random, and how many bytes are."""
    if kind in (_PSK, _COOKIE):
        return None, len(data)
    if kind != _SHARE:
        return data, 0
    cursor = Cursor(Cursor(data, "a key share").vector(2), "a key share")
    groups, free = [], 0
    while cursor.left:
        groups.append((cursor.number(2), len(key := cursor.vector(2))))
        free += len(key)
    return tuple(groups), free


def _name(data: bytes) -> str:
    """The one host name of a server name extension (RFC 6066 section 3)."""
    outer = Cursor(data, "a server name")
    inner = Cursor(outer.vector(2), "a server name")
    outer.end()
    kind, name = inner.number(1), inner.vector(2)
    inner.end()
    if kind:
        raise Nonsense("a server name that is no host name")
    return name.decode("latin-1")
