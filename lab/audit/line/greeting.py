"""How a connection of TLS 1.3 begins: the hellos, what the server chose, and the handshake's transcript."""

from lab.audit.line.hello import ClientHello, client_hello, server_hello
from lab.audit.line.nonsense import Nonsense
from lab.audit.line.protection import SUITES, Suite
from lab.audit.line.transcript import Transcript

_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_SHARE = 51


class Greeting:
    """Takes the messages that are in the clear. `suite` is set once both have greeted."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.hello: ClientHello | None = None
        self.suite: Suite | None = None
        self.unread = ""
        """Why the connection cannot be read, though nothing is wrong with it; empty if it can."""
        self.free = 0
        """Bytes of the client's that must be random: nobody can say what is in them."""
        self._retried = False
        self._hellos = {True: 0, False: 0}

    def take(self, message: bytes, *, of_client: bool) -> tuple[str, ...]:
        """Take a whole message, header included; return what is strange in it. Raises Nonsense."""
        self._hellos[of_client] += 1
        expected = _CLIENT_HELLO if of_client else _SERVER_HELLO
        if self._hellos[of_client] > 1 + self._retried or self.suite is not None or message[0] != expected:
            raise Nonsense(self.unread or "a handshake that is not of TLS 1.3")
        faults = self._client(message[4:]) if of_client else self._server(message[4:])
        self.transcript.add(message)
        return faults

    def _client(self, body: bytes) -> tuple[str, ...]:
        hello = client_hello(body)
        self.free += hello.free
        if self.hello is None:
            self.hello = hello
            return hello.faults
        if _again(hello) != _again(self.hello):
            return (*hello.faults, "a second ClientHello that differs from the first")
        return hello.faults

    def _server(self, body: bytes) -> tuple[str, ...]:
        hello = server_hello(body)
        if self.hello is None or (self._retried and hello.retry):
            raise Nonsense("a ServerHello that answers nothing")
        if not hello.tls13:
            self.unread = "TLS older than 1.3"
        elif hello.suite not in SUITES:
            self.unread = f"a cipher suite (0x{hello.suite:04x}) that is not read here"
        if self.unread:
            raise Nonsense(self.unread)
        if hello.session != self.hello.session:
            raise Nonsense("a ServerHello that answers another ClientHello")
        if hello.retry:
            self._retried = True
            self.transcript.retried(SUITES[hello.suite])
        else:
            self.suite = SUITES[hello.suite]
        return ()


def _again(hello: ClientHello) -> list[object]:
    """What a client says again after a retry: all but its key share."""
    said = (hello.random, hello.session, *hello.form)
    return [part for part in said if not (isinstance(part, tuple) and part[:1] == (_SHARE,))]
