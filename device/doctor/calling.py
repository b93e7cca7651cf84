"""The way to the broker, step by step; the first that fails is the last that is tried. TCP and TLS carry no
message, and so have no row.

While the firmware runs it ends with TLS, and with what the ledger has of the firmware's own call (`session`).
Otherwise it connects as the firmware would, without a last will, after writing the ledger's row of the
connection (cause `doctor`); it subscribes to the cloud's keys, and publishes nothing.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

from device.certificate import PAIR, tls_context
from device.doctor.finding import Finding, fail, failed, ok, warn
from device.doctor.session import session
from device.doctor.subject import Subject
from device.envelope import topics
from device.errors import DeviceError, KeyFileError
from device.keys import Identity
from device.ledger import Signer
from device.outbox import Outbox
from device.uplink import Caller, Kind, News, Uplink

_TCP_S = 3.0
_MQTT_S = 10.0


class _Pair:
    """The newest certificate, as the uplink takes it. Nothing is forgotten for having worked."""

    def __init__(self, ca: Path, pair: Path) -> None:
        self._ca, self._pair = ca, pair

    def context(self) -> ssl.SSLContext:
        """TLS 1.3 with this pair. Raises KeyFileError."""
        if not self._pair.exists():
            raise KeyFileError(f"{self._pair}: none to show; run: overheard-device provision")
        return tls_context(self._ca, self._pair)

    def settle(self) -> None:
        """Leave the pair before where it is."""


def broker(subject: Subject) -> Iterator[Finding]:
    """Yield a finding on each step: name, TCP, TLS, MQTT, the cloud's keys."""
    ca = subject.config.uplink.ca
    tls = _Pair(Path(ca), subject.state / PAIR) if ca else None
    for reached in _reach(subject, tls):
        yield reached
        if reached.word == "fail":
            return
    try:
        identity = subject.identity()
    except DeviceError as error:
        yield failed("broker", error)
        return
    if subject.firmware_runs:
        yield session(subject)
    elif identity is None:
        yield warn(
            "broker", "MQTT not tried: the device has no keys yet", "start it once: overheard-device run"
        )
    else:
        yield from _session(subject, identity, tls)


def _name(subject: Subject) -> Finding:
    host, port = subject.config.uplink.host, subject.config.uplink.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return fail("broker", f"{host}: {error.strerror}", "check uplink.host, and this machine's DNS")
    address = found[0][4][0]
    return ok("broker", f"{host} is {address}" if host != address else f"{host} needs no name server")


def _reach(subject: Subject, tls: _Pair | None) -> Iterator[Finding]:
    host, port = subject.config.uplink.host, subject.config.uplink.port
    yield (named := _name(subject))
    if named.word == "fail":
        return
    try:
        reached = socket.create_connection((host, port), _TCP_S)
    except OSError as error:
        what = f"{host}:{port}: {error.strerror or error}"
        yield fail("broker", what, "start the broker, or check uplink.port and the way there")
        return
    with closing(reached):
        yield ok("broker", f"{host}:{port} accepts connections")
        if tls is not None:
            yield _shake_hands(reached, host, tls)


def _shake_hands(reached: socket.socket, host: str, tls: _Pair) -> Finding:
    try:
        with tls.context().wrap_socket(reached, server_hostname=host) as secured:
            return ok("broker", f"{secured.version()}: the broker is of uplink.ca, and called {host}")
    except ssl.SSLCertVerificationError as error:
        what = f"not the broker that was meant: {error.verify_message}"
        return fail("broker", what, "check uplink.ca and uplink.host against `overheard-cloud broker init`")
    except DeviceError as error:  # before the rest: a StorageError is an OSError too
        return failed("broker", error)
    except OSError as error:  # as SSLError is
        return fail(
            "broker", f"no TLS: {error.strerror or error}", "check uplink.port: it must be the TLS one"
        )


def _session(subject: Subject, identity: Identity, tls: _Pair | None) -> Iterator[Finding]:
    try:
        outbox = Outbox(subject.outbox, Signer(identity.device, identity.signing))
    except DeviceError as error:
        yield failed("broker", error)
        return

    def write_down() -> None:
        outbox.note("connect", cause="doctor")

    with closing(outbox):
        caller = Caller(identity.device, "", b"", (topics.KEYS,))
        uplink = Uplink(subject.config.uplink, caller, write_down, tls)
        uplink.start()
        try:
            yield from _talk(uplink, subject)
        finally:
            uplink.stop()


def _talk(uplink: Uplink, subject: Subject) -> Iterator[Finding]:
    up = awaited(uplink, _MQTT_S, Kind.UP, Kind.FAILED)
    if up is None or up.kind is not Kind.UP:
        why = up.why if up is not None else "no answer"
        yield fail("broker", f"no MQTT session: {why}", "read the broker's log; see `certificate`")
        return
    yield ok("broker", "an MQTT session stands")
    if not subject.config.cloud.root:
        return  # nothing that comes could be believed: `settings` says so
    note = awaited(uplink, subject.note_s, Kind.ARRIVED)
    if note is None:
        yield fail(
            "cloud", "no keys note came: there is no cloud behind this broker", "start overheard-cloud"
        )
        return
    try:
        keys = subject.trust().read(note.payload)
    except DeviceError as error:
        yield failed("cloud", error)
        return
    if keys is None:
        yield fail(
            "cloud", "its keys note is not signed by cloud.root", "check cloud.root: overheard-cloud keys"
        )
    elif not keys.not_before <= subject.now < keys.not_after:
        yield fail("cloud", "its keys note is not valid now", "see `clock`; restart overheard-cloud")
    else:
        yield ok("cloud", f"its keys came, valid until {keys.not_after:%Y-%m-%d %H:%M} UTC")


def awaited(uplink: Uplink, within_s: float, *kinds: Kind) -> News | None:
    """Return the first news of these kinds, or None; others are dropped."""
    until = monotonic() + within_s
    while True:
        uplink.arrived.clear()
        while uplink.inbox:  # before it waits: what came together stays here when the first of it is taken
            news = uplink.take()
            if news.kind in kinds:
                return news
        if (left := until - monotonic()) <= 0:
            return None
        uplink.arrived.wait(left)
