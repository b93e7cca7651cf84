"""What a device is given from outside, acted out by the real parts, and looked for on what a disk may have
left: the board that it belongs to, commands, certificates, and whom it was announced to.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud_stub.authority import Authority
from device import discovery
from device.certificate import Certificate
from device.config import HomeAssistantSection
from device.delivery import Delivery
from device.envelope import downlink, topics
from device.envelope.request import open_request
from device.hardware_bond import BOND, bind
from device.home_assistant import MARKER, HomeAssistant, Now
from device.keys import Identity
from device.line import Line
from device.orders import Command, Orders
from device.outbox import Outbox
from device.serials import Serials
from device.session import Phase
from device.trust import Trust
from device.uplink import Kind, News
from tests.device.notes import NOON, SIGNING
from tests.device.powercut.disk import Files
from tests.device.powercut.marks import Marks, last
from tests.device.wire import make_uplink

BOARD, BOOT = "0123456789abcdef", "00" * 8
PREFIXES = ("homeassistant", "home", "home")
"""Of the sessions; in the last the speaker is not announced any more."""


def authority(folder: Path) -> Authority:
    """The same one whenever it is made."""
    key = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
    path = folder / "ca.key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return Authority(folder, "ca", NOON)


class Inside(NamedTuple):
    """What of the device the world gets to."""

    folder: Path
    me: Identity
    trust: Trust
    outbox: Outbox
    delivery: Delivery


class World:
    """One session of a device with the world."""

    def __init__(self, inside: Inside, mark: Marks, session: int) -> None:
        folder, me, trust, outbox, delivery = inside
        self._mark, self._device = mark, me.device
        hardware = bind(folder, me.device, BOARD)
        mark(hardware=hardware)
        self._authority = authority(folder.parent)
        self._certificate = Certificate(folder, me, self._authority.path, hardware)
        orders = Orders(me, trust, Serials(folder / "serial"))
        self._line = Line((me.device, BOOT), outbox, make_uplink(1), delivery, orders, self._tell)
        on, prefix = session < len(PREFIXES) - 1, PREFIXES[session]
        section = HomeAssistantSection(discovery=on, prefix=prefix)
        self._home = HomeAssistant(section, (me.device, BOOT), folder, tell_phase=True)
        self._announced = [discovery.topic(prefix, me.device)] if on else []
        self._serial = 1000 * session

    def come_up(self, note: bytes, now: int) -> None:
        """The line comes up, with the cloud's keys; the speaker is announced, or that is taken back."""
        self._line.inbox.append(News(Kind.UP))
        self._arrive(topics.KEYS, note, now, retained=True)
        self._home.tend(self._line, now, Now(Phase.IDLE, "open", "", 0))
        self._mark(announced=self._announced)
        self._line.inbox.extend([News(Kind.SENT)] * self._line.spoken)
        list(self._line.take(now))
        self._home.tend(self._line, now, Now(Phase.IDLE, "open", "", 0))

    def obey(self, now: int) -> None:
        """A command comes, and is obeyed."""
        self._serial += 1
        body = {"v": 1, "device": self._device, "serial": self._serial, "do": "stop"}
        self._mark(commanding=self._serial)
        obeyed = self._arrive(topics.command(self._device), downlink.sign("command", body, SIGNING), now)
        assert obeyed == [Command("stop", None)]
        self._mark(serial=self._serial)

    def renew(self) -> None:
        """It asks for a certificate and gets one."""
        key = open_request(self._certificate.request())[1]
        self._mark(asked=key.public_bytes_raw().hex())
        pem = self._authority.issue_client(key, self._device, NOON + timedelta(days=90), NOON)
        number = str(x509.load_pem_x509_certificate(pem).serial_number)
        self._mark(granting=number)
        assert self._certificate.take(pem.decode())
        self._mark(certificate=number)

    def connect(self) -> None:
        """A connection with the certificate stands."""
        if self._certificate.certificate is not None:
            self._certificate.context()
            self._certificate.settle()

    def _arrive(self, topic: str, payload: bytes, now: int, *, retained: bool = False) -> list[object]:
        self._line.inbox.append(News(Kind.ARRIVED, None, topic, payload, retained))
        return list(self._line.take(now))

    def _tell(self, kind: str, /, **fields: object) -> None:
        if kind == "publish":
            self._mark(row=fields["row"])


def faults(folder: Path, me: Identity, left: Files, marks: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Say what is wrong with what a disk has `left`, and `folder` holds."""
    if last(marks, "hardware") and BOND not in left:
        yield "it has forgotten its board"
    yield from _commands(folder, marks)
    yield from _certificates(folder, me, marks)
    yield from _announcements(me, left, marks)


def _commands(folder: Path, marks: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What was obeyed is not obeyed again, and what comes next is."""
    serials = Serials(folder / "serial")
    obeyed, coming = last(marks, "serial"), last(marks, "commanding")
    if obeyed is not None and serials.is_new(obeyed):
        yield f"command {obeyed} was obeyed, and would be again"
    if not serials.is_new((coming or 0) + 1):
        yield f"a command after {coming} would be refused"


def _certificates(folder: Path, me: Identity, marks: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The one that was given, or is being given; each pair fits, and a key that was asked for is kept."""
    certificate = Certificate(folder, me, authority(folder).path, None)
    mine = certificate.certificate
    had = None if mine is None else str(mine.serial_number)
    if had not in (last(marks, "certificate"), last(marks, "granting")):
        yield "its certificate is not the last that it was given"
    if mine is not None:
        for _ in ("the newest", "the one before"):
            certificate.context()
    asked = next((mark for mark in reversed(marks) if mark.keys() & {"asked", "granting"}), {}).get("asked")
    if asked and open_request(certificate.request())[1].public_bytes_raw().hex() != asked:
        yield "the key that was asked for is another one"


def _announcements(me: Identity, left: Files, marks: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Whoever was told of the speaker can be told that it is gone."""
    known = {discovery.topic(prefix, me.device) for prefix in PREFIXES}
    remembered = set(left[MARKER].decode().splitlines()) if MARKER in left else set()
    if MARKER in left and not (remembered and remembered <= known):
        yield f"{MARKER} is torn"
    if not set(last(marks, "announced") or []) <= remembered:
        yield "it has forgotten whom it was announced to"
