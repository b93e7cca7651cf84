"""The device's certificate: what it keeps, what it refuses, and that it is never without one meanwhile."""

import base64
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from cloud_stub.authority import Authority
from device.certificate import Certificate
from device.envelope.request import open_request
from device.errors import ConfigError, KeyFileError
from device.hardware_bond import bind
from device.keys import Identity, load_or_make
from hardware.serial import board_serial

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def identity(tmp_path) -> Identity:
    return load_or_make(tmp_path / "state", "x25519")


@pytest.fixture
def authority(tmp_path) -> Authority:
    (tmp_path / "ca").mkdir()
    return Authority(tmp_path / "ca", "ca", NOW)


def certificate(identity: Identity, authority: Authority, tmp_path: Path) -> Certificate:
    return Certificate(tmp_path / "state", identity, authority.path, None)


def grant(mine: Certificate, authority: Authority, name: str, days: float = 90) -> str:
    """What the cloud would answer to the request of `mine`."""
    key = open_request(mine.request())[1]
    return authority.issue_client(key, name, NOW + timedelta(days=days), NOW).decode()


def test_a_certificate_is_kept_with_its_key_and_found_again(identity, authority, tmp_path):
    mine = certificate(identity, authority, tmp_path)
    assert mine.due(NOW)
    assert mine.take(grant(mine, authority, identity.device))
    assert not mine.due(NOW)
    again = certificate(identity, authority, tmp_path)
    assert again.certificate == mine.certificate
    assert again.context().minimum_version is ssl.TLSVersion.TLSv1_3
    assert (tmp_path / "state" / "tls.pem").stat().st_mode & 0o777 == 0o600


def test_it_asks_with_the_same_key_until_it_is_answered(identity, authority, tmp_path):
    mine = certificate(identity, authority, tmp_path)
    first = mine.request()
    assert open_request(first)[1] == open_request(mine.request())[1]
    assert open_request(first)[1] == open_request(certificate(identity, authority, tmp_path).request())[1]
    mine.take(grant(mine, authority, identity.device))
    assert open_request(first)[1] != open_request(mine.request())[1], "each certificate has a key of its own"


def test_it_is_due_when_two_thirds_are_over(identity, authority, tmp_path):
    mine = certificate(identity, authority, tmp_path)
    mine.take(grant(mine, authority, identity.device, days=29))  # and one day before now: thirty in all
    assert not mine.due(NOW + timedelta(days=18.9))
    assert mine.due(NOW + timedelta(days=19.1))


def test_what_is_not_this_devices_is_not_kept(identity, authority, tmp_path):
    mine = certificate(identity, authority, tmp_path)
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "ca", NOW)
    another_key = Ed25519PrivateKey.generate().public_key()
    assert not mine.take(grant(mine, authority, "ovh-another"))
    assert not mine.take(grant(mine, stranger, identity.device))
    assert not mine.take(authority.issue_client(another_key, identity.device, NOW, NOW).decode())
    assert not mine.take("")
    assert not mine.take("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert mine.certificate is None
    assert not (tmp_path / "state" / "tls.pem").exists()


@pytest.mark.filterwarnings("ignore:Parsed a")  # of odd certificates, from the library
def test_whatever_byte_of_a_certificate_is_changed_it_is_not_kept_and_nothing_is_raised(
    identity, authority, tmp_path
):
    mine = certificate(identity, authority, tmp_path)
    der = x509.load_pem_x509_certificate(grant(mine, authority, identity.device).encode()).public_bytes(
        Encoding.DER
    )
    unused_bits = len(der) - 65  # of the signature: says nothing, where they are zero all the same
    for at in set(range(len(der))) - {unused_bits}:
        for value in {0, 1, 0x30, 0x80, 0xFF, der[at] ^ 1} - {der[at]}:
            body = base64.encodebytes(der[:at] + bytes([value]) + der[at + 1 :]).decode()
            pem = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
            assert not mine.take(pem), (at, value)


def test_a_damaged_key_that_no_certificate_was_given_for_is_made_anew(identity, authority, tmp_path):
    mine = certificate(identity, authority, tmp_path)
    mine.request()
    (tmp_path / "state" / "tls-next.key").write_bytes(b"torn")
    assert mine.take(grant(mine, authority, identity.device))


def test_a_certificate_that_comes_while_another_connects_does_not_lose_the_one_before(
    identity, authority, tmp_path
):
    mine = certificate(identity, authority, tmp_path)
    mine.take(grant(mine, authority, identity.device))
    assert mine.next_pair().name == "tls.pem"  # the uplink begins to connect with the first
    mine.take(grant(mine, authority, identity.device))
    mine.settle()  # and the connection stands: it says nothing of the second
    assert (tmp_path / "state" / "tls-before.pem").exists()


def test_without_a_question_there_is_no_answer(identity, authority, tmp_path):
    mine = certificate(identity, authority, tmp_path)
    answer = grant(mine, authority, identity.device)
    assert mine.take(answer)
    assert not mine.take(answer), "a repeated one changes nothing"


def test_the_one_before_stays_until_the_new_one_has_opened_a_connection(identity, authority, tmp_path):
    mine = certificate(identity, authority, tmp_path)
    mine.take(grant(mine, authority, identity.device))
    assert [mine.next_pair().name, mine.next_pair().name] == ["tls.pem", "tls.pem"]
    mine.settle()
    mine.take(grant(mine, authority, identity.device))
    assert [mine.next_pair().name, mine.next_pair().name] == ["tls.pem", "tls-before.pem"]
    mine.settle()  # the one before opened it: the new one still has to show that it can
    assert (tmp_path / "state" / "tls-before.pem").exists()
    assert mine.next_pair().name == "tls.pem"
    mine.settle()
    assert not (tmp_path / "state" / "tls-before.pem").exists()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("others can read it", lambda path: path.chmod(0o644)),
        ("damaged", lambda path: path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAA\n")),
        ("damaged", lambda path: path.write_bytes(b"")),
    ],
)
def test_a_pair_that_cannot_be_used_is_refused_by_name(identity, authority, tmp_path, name, spoil):
    mine = certificate(identity, authority, tmp_path)
    mine.take(grant(mine, authority, identity.device))
    spoil(tmp_path / "state" / "tls.pem")
    with pytest.raises(KeyFileError, match=rf"tls\.pem: {name}; "):
        certificate(identity, authority, tmp_path)


def test_before_there_is_one_nothing_is_called(identity, authority, tmp_path):
    with pytest.raises(KeyFileError, match="overheard-device provision"):
        certificate(identity, authority, tmp_path).context()


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_that_is_none_is_refused(identity, tmp_path, content):
    ca = tmp_path / "ca.crt"
    if content is not None:
        ca.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca\.crt: .*; name the broker's CA in \[uplink\] ca"):
        Certificate(tmp_path / "state", identity, ca, None)


def test_a_device_that_was_copied_to_another_board_is_refused(tmp_path):
    first = bind(tmp_path, "ovh-a", "0123")
    assert first == bind(tmp_path, "ovh-a", "0123")
    for serial in ("0124", None):
        with pytest.raises(KeyFileError, match="another board, so nothing is published"):
            bind(tmp_path, "ovh-a", serial)
    assert "0123" not in (tmp_path / "hardware").read_text(), "a hash, and no number"


def test_a_device_made_without_a_serial_number_does_not_move_to_a_board_with_one(tmp_path):
    assert bind(tmp_path, "ovh-a", None) is None
    with pytest.raises(KeyFileError, match="another board"):
        bind(tmp_path, "ovh-a", "0123")


def test_a_pis_serial_number_is_read_without_its_nul(tmp_path):
    file = tmp_path / "serial-number"
    assert board_serial(file) is None
    file.write_bytes(b"10000000abcdef01\0")
    assert board_serial(file) == "10000000abcdef01"
    file.write_bytes(b"\0")
    assert board_serial(file) is None
