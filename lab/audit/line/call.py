"""One TCP connection of the device to its broker: opened, if it is plain or there are keys, else measured.

It never raises: what cannot be read is strange, and so is every byte of the device's after it.
"""

from hashlib import sha256

from lab.audit.capture.stream import At
from lab.audit.line.hello import ClientHello
from lab.audit.line.keylog import KeyLog
from lab.audit.line.lengths import Lengths
from lab.audit.line.nonsense import MOST, Nonsense, Strange
from lab.audit.line.said import Said
from lab.audit.line.talk import Device, Talk
from lab.audit.line.tls import Tls

_TLS_BEGINS = 22


class Call:
    """Hears one connection; a `Sink` of the capture's reader, and what its TLS tells."""

    def __init__(self, device: Device, log: KeyLog | None, tickets: set[bytes] | None = None) -> None:
        """`tickets`: those that servers gave so far, for all connections of a capture."""
        self._device = device
        self._log = log
        self._tickets = tickets if tickets is not None else set[bytes]()
        self._dead = self._told = False
        self._talk = Talk(device)
        self._lengths = Lengths(device)
        self._strange: list[Strange] = []
        self._answered = 0
        self._last = At(0, 0)
        self.tls: Tls | None = None
        self.began: At | None = None
        """Where the device's first byte is; None while it said nothing."""
        self.cut = 0
        """Bytes of the device's at its end that are of a packet or record that never was whole."""

    @property
    def sealed(self) -> bool:
        """Whether it is only measured."""
        return self.tls is not None and not self.tls.open

    @property
    def said(self) -> list[Said]:
        """What the device said, in order."""
        return self._lengths.said if self.sealed else self._talk.said

    @property
    def strange(self) -> list[Strange]:
        """What it had no reason to say."""
        return self._strange + self._talk.strange + self._lengths.strange

    @property
    def confirmed(self) -> set[int]:
        """Which of `said`, by index, the broker confirmed; none of a sealed one."""
        return self._talk.confirmed

    @property
    def bye(self) -> bool:
        """Whether the device said goodbye, and so all that it had to say."""
        return self._talk.bye

    @property
    def form(self) -> tuple[object, ...] | None:
        """What of its CONNECT every connection shares."""
        return self._talk.form

    @property
    def hello(self) -> ClientHello | None:
        """Its ClientHello."""
        return self.tls.greeting.hello if self.tls else None

    @property
    def unanswered(self) -> bool:
        """Whether the broker never said a byte."""
        return not self._answered

    @property
    def unread(self) -> str:
        """Why it cannot even be measured; empty if it can."""
        return (self.tls.greeting.unread if self.tls else "") or self._lengths.unread

    # -- what the reader of the capture tells ----------------------------------------------------------

    def hear(self, from_first: bool, data: bytes, at: At) -> None:
        """The next bytes of one side; the first is the device."""
        self._last = at
        if not from_first:
            self._answered += len(data)
        elif self.began is None:
            self.began = at
            self.tls = Tls(self._log, self) if data[0] == _TLS_BEGINS else None
        if self._dead:
            self._unheard(from_first, len(data), at)
            return
        try:
            self._take(from_first, data, at)
        except Nonsense as nonsense:
            self._dead = True
            whose = "" if from_first else "the broker sends "
            if not self.unread:
                self.strange_is(f"{whose}{nonsense}", at)

    def lost(self, from_first: bool, count: int, at: At) -> None:
        """So many bytes are not in the capture, and nothing after them can be followed."""
        self._last = at
        self._dead = True
        whose = "the device's" if from_first else "the broker's"
        self.strange_is(f"{count} of {whose} bytes that the capture does not have", at)

    def over(self) -> None:
        """There is no more."""
        if not self._dead:
            rest = self.tls.rest() if self.tls else 0
            self.cut = rest + (self._lengths.rest if self.sealed else self._talk.rest)
        if self.cut and not self.said:
            self.strange_is(f"{self.cut} bytes of something that never was whole", self._last)
        if self.tls is not None and self.tls.dangles and not self._dead:
            self.strange_is("a handshake message that never was whole", self._last)
        if self.sealed:
            self._lengths.over(self._last)

    @property
    def ended(self) -> At:
        """Where its last byte is."""
        return self._last

    # -- what TLS tells --------------------------------------------------------------------------------

    def plain(self, from_client: bool, data: bytes, at: At) -> None:
        """A record of the application's."""
        rest = self._talk.hear(from_client, data, at)
        if from_client and rest and len(data) != _FULL:
            self.strange_is("a message cut into records otherwise than its length needs", at)

    def measure(self, from_client: bool, count: int, at: At) -> None:
        """A record that no key here opens."""
        suite = self.tls.greeting.suite if self.tls is not None else None
        if suite is not None:
            self._lengths.take(from_client, count, suite, at)

    def strange_is(self, what: str, at: At) -> None:
        """Something that has no business on the line."""
        if len(self._strange) < MOST:
            self._strange.append(Strange(what, at))

    def ticket(self, ticket: bytes) -> None:
        """A server gave it, to go on with."""
        self._tickets.add(sha256(ticket).digest())

    def knows(self, ticket: bytes) -> bool:
        """Whether a server gave it."""
        return sha256(ticket).digest() in self._tickets

    def _take(self, from_first: bool, data: bytes, at: At) -> None:
        if self.tls is not None:
            self.tls.hear(from_first, data, at)
        elif self.began is None:
            raise Nonsense("words before the device said any")
        else:
            self._talk.hear(from_first, data, at)

    def _unheard(self, from_first: bool, count: int, at: At) -> None:
        """Bytes after what could not be read: those of the device are told once, and counted."""
        if from_first and not self._told and not self.unread:
            self._told = True
            self.strange_is(f"{count} bytes, and whatever follows them, that nobody can read", at)


_FULL = 1 << 14
