"""A request is answered by what is known of its device; nothing that arrives can make the cloud do more."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cloud_stub import revocation
from cloud_stub.authority import Authority
from cloud_stub.config import DevicesSection
from cloud_stub.devices import Devices
from cloud_stub.enrolment import LIVING, Enrolment
from cloud_stub.errors import NoDevice, StorageError
from device.envelope import downlink, topics
from device.envelope.layout import to_base64
from device.envelope.request import Request, hardware_hash, sign_request

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SIGNER = Ed25519PrivateKey.from_private_bytes(b"c" * 32)


class Asker:
    """A device that asks."""

    def __init__(self, voice) -> None:
        self.voice = voice
        self.device = voice.device

    def request(self, key: Ed25519PrivateKey, serial: str | None = "0123") -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.device)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
        text = csr.public_bytes(Encoding.PEM).decode()
        hardware = hardware_hash(self.device, serial) if serial else None
        reply = self.voice.reply.public.encode()
        record = Request(1, self.device, to_base64(self.voice.public), reply, text, hardware)
        return sign_request(record, self.voice.signing)


@pytest.fixture
def devices(tmp_path) -> Devices:
    return Devices(tmp_path / "devices")


@pytest.fixture
def open_enrolment(tmp_path, devices):
    (tmp_path / "keys").mkdir()
    authority = Authority(tmp_path / "keys", "ca", NOW)

    def enrolment(approve="by_hand", waiting=3) -> Enrolment:
        return Enrolment(devices, authority, SIGNER, DevicesSection(approve, 90 * 86_400, waiting))

    return enrolment


def said(outgoing, device: str) -> tuple[str, str]:
    (message,) = outgoing
    assert message.topic == topics.certificate(device)
    body, _ = downlink.open("certificate", message.payload, SIGNER.public_key())
    assert body["device"] == device
    return body["state"], body["certificate"]


@pytest.fixture
def voices(voice):
    """Makes as many devices as are wanted."""
    return type(voice)


@pytest.fixture
def asker(voice) -> Asker:
    return Asker(voice)


def test_a_device_waits_for_a_person_and_then_gets_what_it_asked_for(open_enrolment, devices, asker):
    enrolment, key = open_enrolment(), Ed25519PrivateKey.generate()
    for _ in range(2):
        assert said(enrolment.take(asker.device, asker.request(key), NOW), asker.device) == ("waiting", "")
    revocation.approve(devices, asker.device)
    state, pem = said(enrolment.take(asker.device, asker.request(key), NOW), asker.device)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert state == "issued"
    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_after_utc == NOW + timedelta(days=90)


def test_the_same_request_again_is_answered_with_the_same_certificate(open_enrolment, devices, asker):
    enrolment, request = open_enrolment("claimed"), asker.request(Ed25519PrivateKey.generate())
    first, second = (said(enrolment.take(asker.device, request, NOW), asker.device) for _ in range(2))
    assert first == second
    assert len(devices.get(asker.device).certificates) == 1


def test_a_device_cannot_collect_certificates_without_end(open_enrolment, asker):
    enrolment = open_enrolment("claimed")
    states = [
        said(enrolment.take(asker.device, asker.request(Ed25519PrivateKey.generate()), NOW), asker.device)[0]
        for _ in range(LIVING + 2)
    ]
    assert states == ["issued"] * LIVING + ["refused"] * 2
    later = NOW + timedelta(days=91)
    late = enrolment.take(asker.device, asker.request(Ed25519PrivateKey.generate()), later)
    assert said(late, asker.device)[0] == "issued", "those that are over do not count"


def test_certificates_that_were_revoked_do_not_count(open_enrolment, devices, asker):
    enrolment = open_enrolment("claimed")
    for _ in range(LIVING):
        enrolment.take(asker.device, asker.request(Ed25519PrivateKey.generate()), NOW)
    known = devices.get(asker.device)
    gone = tuple(msgspec.structs.replace(each, revoked=True) for each in known.certificates)
    devices.put(msgspec.structs.replace(known, certificates=gone))
    answer = enrolment.take(asker.device, asker.request(Ed25519PrivateKey.generate()), NOW)
    assert said(answer, asker.device)[0] == "issued"


def test_who_asks_again_and_again_does_not_wear_out_the_disk(open_enrolment, asker, tmp_path):
    enrolment, request = open_enrolment(), asker.request(Ed25519PrivateKey.generate())
    path = tmp_path / "devices" / f"{asker.device}.json"
    enrolment.take(asker.device, request, NOW)
    first = path.stat().st_ino
    for seconds in range(59):
        enrolment.take(asker.device, request, NOW + timedelta(seconds=seconds))
    assert path.stat().st_ino == first, "not written again"
    enrolment.take(asker.device, request, NOW + timedelta(seconds=61))
    assert path.stat().st_ino != first


def test_a_device_that_waits_can_be_forgotten_and_no_other(open_enrolment, devices, asker):
    enrolment, request = open_enrolment(), asker.request(Ed25519PrivateKey.generate())
    enrolment.take(asker.device, request, NOW)
    revocation.forget(devices, asker.device)
    assert devices.all() == []
    enrolment.take(asker.device, request, NOW)
    revocation.approve(devices, asker.device)
    with pytest.raises(NoDevice, match="does not wait"):
        revocation.forget(devices, asker.device)


def test_no_request_undoes_a_revocation_however_many_come_meanwhile(open_enrolment, devices, asker, tmp_path):
    """The command line is another process than the cloud; both read, change and write the same file."""
    enrolment = open_enrolment("claimed")
    enrolment.take(asker.device, asker.request(Ed25519PrivateKey.generate()), NOW)
    revoke = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from cloud_stub.devices import Devices; from cloud_stub.broker_files import BrokerFiles\n"
        "from cloud_stub import revocation\n"
        "base, device = Path(sys.argv[1]), sys.argv[2]\n"
        "files = BrokerFiles(base / 'broker', base / 'keys', datetime.now(UTC))\n"
        "devices = Devices(base / 'devices')\n"
        "for _ in range(100):\n"
        "    revocation.approve(devices, device)\n"
        "    revocation.revoke(devices, device, files)\n"
        "    assert devices.get(device).state == 'revoked'\n"
    )
    with subprocess.Popen([sys.executable, "-c", revoke, tmp_path, asker.device], cwd=ROOT) as other:
        asked = 0
        while other.poll() is None:
            enrolment.take(
                asker.device, asker.request(Ed25519PrivateKey.generate()), NOW + timedelta(days=100 * asked)
            )
            asked += 1
    assert other.returncode == 0
    assert asked > 10
    assert devices.get(asker.device).state == "revoked"


def test_no_more_than_so_many_devices_wait(open_enrolment, devices, voices):
    enrolment, key = open_enrolment(waiting=2), Ed25519PrivateKey.generate()
    askers = [Asker(voices()) for _ in range(3)]
    answers = [enrolment.take(each.device, each.request(key), NOW) for each in askers]
    assert [len(answer) for answer in answers] == [1, 1, 0]
    assert enrolment.refused == {"too_many": 1}
    assert len(devices.all()) == 2


def test_the_board_that_asked_first_is_the_board(open_enrolment, devices, asker):
    enrolment, key = open_enrolment("claimed"), Ed25519PrivateKey.generate()
    assert said(enrolment.take(asker.device, asker.request(key), NOW), asker.device)[0] == "issued"
    for serial in ("9999", None):
        answer = enrolment.take(asker.device, asker.request(key, serial), NOW)
        assert said(answer, asker.device) == ("refused", "")
    assert devices.get(asker.device).other_board == NOW


def test_what_is_not_in_order_is_counted_and_not_answered(open_enrolment, devices, asker):
    enrolment = open_enrolment("claimed")
    request = asker.request(Ed25519PrivateKey.generate())
    assert enrolment.take(asker.device, request[:-1], NOW) == []
    assert enrolment.take("ovh-another", request, NOW) == []
    assert enrolment.refused == {"not_in_order": 1, "other_device": 1}
    assert devices.all() == []


def test_an_unknown_device_can_be_neither_approved_nor_revoked(devices):
    with pytest.raises(NoDevice, match="devices list"):
        revocation.approve(devices, "ovh-nobody")


def test_a_damaged_file_of_a_device_is_named(open_enrolment, devices, asker, tmp_path):
    open_enrolment().take(asker.device, asker.request(Ed25519PrivateKey.generate()), NOW)
    path = tmp_path / "devices" / f"{asker.device}.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(StorageError, match=rf"{asker.device}\.json: damaged; restore it"):
        devices.all()


def test_who_waits_is_listed_first(devices, open_enrolment, voices):
    enrolment, key = open_enrolment(), Ed25519PrivateKey.generate()
    askers = [Asker(voices()) for _ in range(3)]
    for minutes, each in enumerate(askers):
        enrolment.take(each.device, each.request(key), NOW + timedelta(minutes=minutes))
    revocation.approve(devices, askers[0].device)
    gone = devices.get(askers[1].device)
    devices.put(msgspec.structs.replace(gone, state="revoked"))
    assert [each.device for each in devices.all()] == [askers[i].device for i in (2, 0, 1)]
