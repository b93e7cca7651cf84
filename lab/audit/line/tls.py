"""One TLS 1.3 connection, as somebody with its key log hears it, and as somebody without.

With keys every record is opened, both Finished are checked, and what is inside that is no message of the
application must be what TLS needs: no padding, no empty records, no early data, no key updates for nothing.
Without keys only lengths are told. TLS 1.2 and older is not read (`unread` says why).
"""

from typing import Protocol

from lab.audit.capture.stream import At
from lab.audit.line import certificate, records
from lab.audit.line.cursor import Cursor
from lab.audit.line.greeting import Greeting
from lab.audit.line.keylog import KeyLog, Secrets
from lab.audit.line.nonsense import Nonsense
from lab.audit.line.protection import TAG_BYTES, Protection
from lab.audit.line.records import Messages, Record, Records

_FINISHED, _KEY_UPDATE, _TICKET, _CERTIFICATE = 20, 24, 4, 11
_IN_HANDSHAKE = {True: frozenset({11, 15, _FINISHED}), False: frozenset({8, 11, 13, 15, _FINISHED, 25})}
_AFTER = {True: frozenset({_KEY_UPDATE}), False: frozenset({_KEY_UPDATE, _TICKET})}
_RECORDS_A_KEY = 1 << 20
"""After so many records a side may change its key unasked; OpenSSL does so much later, if at all."""


class Heard(Protocol):
    """Who is told what a connection carries."""

    def plain(self, from_client: bool, data: bytes, at: At) -> None:
        """A record of the application's stream."""

    def measure(self, from_client: bool, count: int, at: At) -> None:
        """A record that nobody here can open, with so many bytes inside at most."""

    def strange_is(self, what: str, at: At) -> None:
        """What TLS does not need."""

    def ticket(self, ticket: bytes) -> None:
        """The server gave this one, to go on with another time."""

    def knows(self, ticket: bytes) -> bool:
        """Whether a server gave this one in the capture."""


class _Side:
    """What is known of one side."""

    def __init__(self, *, client: bool) -> None:
        self.client = client
        self.records = Records(of_client=client)
        self.messages = Messages()
        self.protection: Protection | None = None
        self.secrets: Secrets | None = None
        self.changes = self.updates = self.asked = self.opened = 0
        self.over = self.finished = False


class Tls:
    """Hears both sides, in the order of the capture."""

    def __init__(self, log: KeyLog | None, heard: Heard) -> None:
        self._log = log
        self._heard = heard
        self._sides = {True: _Side(client=True), False: _Side(client=False)}
        self._looked = False
        self.greeting = Greeting()

    @property
    def open(self) -> bool:
        """Whether its records can be opened."""
        return self._sides[True].secrets is not None and self._sides[False].secrets is not None

    def hear(self, from_client: bool, data: bytes, at: At) -> None:
        """Take the next bytes of one side. Raises Nonsense when what follows cannot be read."""
        side = self._sides[from_client]
        for record in side.records.feed(data, at):
            if side.over and side.client:
                self._heard.strange_is("a record after the one that said that there are no more", record.at)
            self._take(side, record)

    def rest(self) -> int:
        """How many bytes the client has sent of a record that never was whole."""
        return self._sides[True].records.rest

    @property
    def dangles(self) -> bool:
        """Whether the client has begun a handshake message that is not whole."""
        return self._sides[True].messages.open

    def _take(self, side: _Side, record: Record) -> None:
        if record.kind == records.CHANGE_CIPHER_SPEC:
            self._change(side, record)
        elif record.kind == records.APPLICATION_DATA:
            self._protected(side, record)
        elif side.protection is not None or side.finished:
            raise Nonsense("a record in the clear where all are encrypted")
        elif record.kind == records.HANDSHAKE:
            self._messages(side, record.body, record.at)
        else:
            self._alert(side, record.body, record.at)

    def _change(self, side: _Side, record: Record) -> None:
        """It means nothing in TLS 1.3, and is sent once, for old boxes on the way."""
        side.changes += 1
        if record.body != b"\x01" or (side.client and (side.changes > 1 or side.finished)):
            self._heard.strange_is("a change of cipher spec that TLS 1.3 has no use for", record.at)

    def _protected(self, side: _Side, record: Record) -> None:
        if self.greeting.suite is None:
            raise Nonsense(self.greeting.unread or "encrypted data before a handshake")
        if len(record.body) < TAG_BYTES + 1:
            raise Nonsense("an encrypted record with nothing in it")
        self._find_secrets()
        if side.secrets is None or not self.open:
            self._heard.measure(side.client, len(record.body) - TAG_BYTES - 1, record.at)
            return
        if side.protection is None:
            side.protection = Protection(self.greeting.suite, side.secrets.handshake)
        inner = side.protection.open(record.header, record.body)
        side.opened += 1
        plain = inner.rstrip(b"\0")
        if not plain or len(plain) > records.LARGEST_PLAIN_BYTES + 1:
            raise Nonsense("an encrypted record without a kind")
        if side.client and len(plain) < len(inner):
            self._heard.strange_is(f"{len(inner) - len(plain)} bytes of padding in a record", record.at)
        self._inside(side, plain[-1], plain[:-1], record.at)

    def _inside(self, side: _Side, kind: int, data: bytes, at: At) -> None:
        if kind == records.APPLICATION_DATA and side.finished:
            if side.client and not data:
                self._heard.strange_is("an empty record", at)
            self._heard.plain(side.client, data, at)
        elif kind == records.HANDSHAKE:
            self._messages(side, data, at)
        elif kind == records.ALERT:
            self._alert(side, data, at)
        else:
            raise Nonsense("an encrypted record of a kind that has no business there")

    def _alert(self, side: _Side, body: bytes, at: At) -> None:
        """Two bytes; after it that side has said all."""
        if len(body) != 2 or body[0] not in (1, 2):
            raise Nonsense("an alert that is none")
        side.over = True
        if side.client and body not in _ALERTS:
            self._heard.strange_is(f"an alert ({body[1]}) that no client sends", at)

    def _messages(self, side: _Side, data: bytes, at: At) -> None:
        if not data:
            raise Nonsense("a handshake record with nothing in it")
        for message in side.messages.feed(data):
            self._message(side, message, at)

    def _message(self, side: _Side, message: bytes, at: At) -> None:
        kind, body = message[0], message[4:]
        if side.protection is None:
            self._greet(side, message, at)
            return
        if kind not in (_AFTER if side.finished else _IN_HANDSHAKE)[side.client]:
            raise Nonsense(f"a handshake message ({kind}) that has no business there")
        if kind == _FINISHED:
            self._finish(side, message)
        elif kind == _KEY_UPDATE:
            self._update(side, body, at)
        elif kind == _TICKET:
            self._heard.ticket(_ticket(body))
        else:
            self._go_on(side, message, at)

    def _greet(self, side: _Side, message: bytes, at: At) -> None:
        for fault in self.greeting.take(message, of_client=side.client):
            self._heard.strange_is(fault, at)
        if side.client and self.greeting.hello is not None:
            for ticket in self.greeting.hello.tickets:
                if not self._heard.knows(ticket):
                    self._heard.strange_is("a session to go on with that no server gave", at)

    def _go_on(self, side: _Side, message: bytes, at: At) -> None:
        """What is between the hellos and Finished."""
        if message[0] == _CERTIFICATE and side.client and (fault := certificate.fault(message[4:])):
            self._heard.strange_is(fault, at)
        if not self.greeting.transcript.add(message):
            raise Nonsense("a handshake that is longer than any")

    def _finish(self, side: _Side, message: bytes) -> None:
        suite = self.greeting.suite
        if suite is None or side.secrets is None or side.messages.open:
            raise Nonsense("a Finished that has more behind it")
        if message[4:] != self.greeting.transcript.finished(suite, side.secrets.handshake):
            raise Nonsense("a handshake of which the capture has other bytes than the two sides had")
        self.greeting.transcript.add(message)
        side.finished = True
        side.protection = Protection(suite, side.secrets.traffic)

    def _update(self, side: _Side, body: bytes, at: At) -> None:
        if body not in (b"\0", b"\1") or side.messages.open or side.protection is None:
            raise Nonsense("a KeyUpdate that is none")
        side.updates += 1
        side.asked += body == b"\1"
        side.protection.update()
        allowed = self._sides[False].asked + side.opened // _RECORDS_A_KEY
        if side.client and side.updates > allowed:
            self._heard.strange_is("a change of keys that nobody asked for", at)

    def _find_secrets(self) -> None:
        """Look the connection up in the key log, once it is known."""
        hello = self.greeting.hello
        if self._looked or self._log is None or hello is None:
            return
        self._looked = True
        for side in self._sides.values():
            side.secrets = self._log.secrets(hello.random, of_client=side.client)


def _ticket(body: bytes) -> bytes:
    """The ticket in a NewSessionTicket (RFC 8446 section 4.6.1)."""
    cursor = Cursor(body, "a ticket")
    cursor.take(8)
    cursor.vector(1)
    return cursor.vector(2)


_CODES = (
    10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 109, 110, 112, 113, 115, 116,
)  # fmt: skip
_ALERTS = frozenset({b"\x01\x00"} | {bytes([2, code]) for code in _CODES})
"""Goodbye, and what a client says when it cannot go on (RFC 8446 section 6)."""
