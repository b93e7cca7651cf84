"""A cable between a speaker and its broker, as a capture has it: real conversations of the real firmware, put
into frames, and into real TLS where a test wants it.
"""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lab.kit.packets import Framer
from tests.lab.packets import pcapng

DEVICE, BROKER = "10.77.0.2", "10.77.0.1"
CARD, OTHER = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_START_NS = 1_700_000_000_000_000_000


class Chunk(NamedTuple):
    """What one side said; `data` empty: it hung up."""

    from_device: bool
    data: bytes


class Tapped:
    """A relay that keeps what passes, connection by connection, in order."""

    def __init__(self) -> None:
        self.talks: list[list[Chunk]] = []
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = 0

    def between(self, broker_port: int, _now: object = None) -> int:
        """A detour to the broker at that port; `lab.simulate` asks for one."""
        self._port = broker_port
        self._run(self._accept)
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for end in (self._listener, *self._ends):
            end.close()

    def _run(self, what: Callable[..., None], *with_: object) -> None:
        self._threads.append(threading.Thread(target=what, args=with_, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                speaker, _ = self._listener.accept()
                talk: list[Chunk] = []
                self.talks.append(talk)
                try:
                    broker = socket.create_connection(("127.0.0.1", self._port), 5)
                except OSError:
                    speaker.close()
                    continue
                broker.settimeout(None)
                self._ends += [speaker, broker]
                for ends in ((speaker, broker, True), (broker, speaker, False)):
                    self._run(self._carry, *ends, talk)

    def _carry(self, source: socket.socket, target: socket.socket, up: bool, talk: list[Chunk]) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                with self._lock:
                    talk.append(Chunk(up, data))
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Cable:
    """Frames, in order, and what the kernel would have counted of them."""

    def __init__(self, port: int, tls: bool) -> None:
        self.frames: list[bytes] = []
        self.port, self.tls = port, tls
        self.source = 40_000

    def send(self, body: bytes, *, kind: int = 0x0800, back: bool = False) -> None:
        cards = CARD + OTHER if back else OTHER + CARD
        self.frames.append(cards + kind.to_bytes(2, "big") + body)

    def ip(self, body: bytes, protocol: int = 6, *, back: bool = False, to: str = BROKER) -> None:
        ends = _packed(BROKER) + _packed(DEVICE) if back else _packed(DEVICE) + _packed(to)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0)
        self.send(head + ends + body, back=back)

    def udp(self, data: bytes, port: int, to: str = BROKER) -> None:
        self.ip(struct.pack(">HHHH", 50_000, port, 8 + len(data), 0) + data, 17, to=to)

    def arp(self, back: bool = False) -> None:
        ends = (CARD + _packed(DEVICE), bytes(6) + _packed(BROKER))
        body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2 if back else 1)
        said = OTHER + _packed(BROKER) + ends[0] if back else b"".join(ends)
        self.send(body + said, kind=0x0806, back=back)

    def call(self, talk: Iterable[Chunk]) -> None:
        """One connection, with its handshakes."""
        numbers = {True: 1000 * self.source, False: 77}
        self._segment(numbers, True, b"", SYN)
        self._segment(numbers, False, b"", SYN | ACK)
        self._segment(numbers, True, b"", ACK)
        for chunk in talk:
            for at in range(0, len(chunk.data), 1400):
                self._segment(numbers, chunk.from_device, chunk.data[at : at + 1400], PSH | ACK)
            self._segment(numbers, not chunk.from_device, b"", ACK)
        self._segment(numbers, True, b"", FIN | ACK)
        self._segment(numbers, False, b"", FIN | ACK)
        self._segment(numbers, True, b"", ACK)
        self.source += 1

    def _segment(self, numbers: dict[bool, int], up: bool, data: bytes, flags: int) -> None:
        ports = (self.source, self.port) if up else (self.port, self.source)
        answered = numbers[not up] & 0xFFFFFFFF if flags & ACK else 0
        head = struct.pack(
            ">HHIIBBHHH", *ports, numbers[up] & 0xFFFFFFFF, answered, 5 << 4, flags, 1000, 0, 0
        )
        numbers[up] += len(data) + bool(flags & (SYN | FIN))
        self.ip(head + data, back=not up)

    def write(self, run: Path) -> None:
        """The capture and link.json."""
        (run / "wire.pcapng").write_bytes(pcapng(self.frames))
        mine = [frame for frame in self.frames if frame[6:12] == CARD]
        theirs = [frame for frame in self.frames if frame[6:12] != CARD]
        link = {
            "device": [DEVICE],
            "mac": CARD.hex(":"),
            "broker": {"host": BROKER, "port": self.port, "tls": self.tls},
            "kernel": {
                "interface": "line0",
                "sent_packets": len(mine),
                "sent_bytes": sum(map(len, mine)),
                "received_packets": len(theirs),
                "received_bytes": sum(map(len, theirs)),
            },
            "dropped": 0,
        }
        (run / "link.json").write_text(json.dumps(link))


class Under:
    """Puts conversations under TLS, with OpenSSL, and keeps its key log."""

    def __init__(self, scratch: Path, keylog: Path, curve: str = "") -> None:
        certificate, key = _server(scratch)
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(certificate, key)
        self._client = ssl.create_default_context(cafile=str(certificate))
        self._client.minimum_version = ssl.TLSVersion.TLSv1_3
        self._client.keylog_filename = str(keylog)
        if curve:  # the client's guess is another one, so it is asked to greet again
            self._server.set_ecdh_curve(curve)
        self.clients: list[ssl.SSLObject] = []

    def tls(self, talk: Iterable[Chunk], session: ssl.SSLSession | None = None) -> list[Chunk]:
        """The same conversation under TLS: each packet of MQTT, or what is no packet, is written at once."""
        pipe = _Pipe()
        client = self._client.wrap_bio(*pipe.ends[True], server_hostname=BROKER, session=session)
        server = self._server.wrap_bio(*pipe.ends[False], server_side=True)
        for end in 4 * (client, server):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
            pipe.carry()
        for chunk in packets(talk):
            speaks, hears = (client, server) if chunk.from_device else (server, client)
            left = chunk.data
            while left:
                left = left[speaks.write(left) :]
            pipe.carry()
            with suppress(ssl.SSLWantReadError):
                while hears.read(1 << 16):
                    pass
        self.clients.append(client)
        return pipe.said


class _Pipe:
    """Between two ends of TLS in this process: each has what comes in, and what goes out."""

    def __init__(self) -> None:
        self.ends = {up: (ssl.MemoryBIO(), ssl.MemoryBIO()) for up in (True, False)}
        self.said: list[Chunk] = []

    def carry(self) -> None:
        """Pass on what each said."""
        for up in (True, False):
            if data := self.ends[up][1].read():
                self.said.append(Chunk(up, data))
                self.ends[not up][0].write(data)


def packets(talk: Iterable[Chunk]) -> list[Chunk]:
    """The same conversation, cut where its packets of MQTT end, as paho writes them."""
    framers = {True: Framer(), False: Framer()}
    whole: list[Chunk] = []
    for chunk in talk:
        whole += [Chunk(chunk.from_device, packet) for packet in framers[chunk.from_device].feed(chunk.data)]
    whole += [Chunk(up, framers[up].rest) for up in (True, False) if framers[up].rest]
    return whole


def _packed(address: str) -> bytes:
    return ip_address(address).packed


def _server(scratch: Path) -> tuple[Path, Path]:
    """A certificate for the broker's address, signed by itself, and its key."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(BROKER))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    scratch.mkdir(parents=True, exist_ok=True)
    paths = scratch / "broker.pem", scratch / "broker.key"
    paths[0].write_bytes(built.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths
