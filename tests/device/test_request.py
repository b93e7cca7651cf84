"""A request for a certificate: what the device signs is what is opened, and nothing else opens."""

import base64

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from device.envelope import EnvelopeError, ReaderKey, device_id
from device.envelope.layout import to_base64
from device.envelope.request import Request, hardware_hash, open_request, sign_request

SIGNING = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
TLS = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
REPLY = ReaderKey("x25519", b"r" * 32).public
PUBLIC = SIGNING.public_key().public_bytes_raw()
DEVICE = device_id(PUBLIC, REPLY)


def csr(*names: tuple[x509.ObjectIdentifier, str], key=TLS) -> str:
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    algorithm = None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)
    return made.public_bytes(Encoding.PEM).decode()


def request(**other: object) -> Request:
    mine = csr((NameOID.COMMON_NAME, DEVICE))
    record = Request(1, DEVICE, to_base64(PUBLIC), REPLY.encode(), mine, hardware_hash(DEVICE, "1234"))
    return msgspec.structs.replace(record, **other)


GOOD = sign_request(request(), SIGNING)


def test_what_a_device_signs_is_opened_with_the_key_it_asks_for():
    opened, key = open_request(GOOD)
    assert opened == request()
    assert key == TLS.public_key()


def test_on_a_board_without_a_serial_number_it_says_so():
    assert open_request(sign_request(request(hardware=None), SIGNING))[0].hardware is None


@given(at=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(at, bit):
    changed = bytearray(GOOD)
    changed[at] ^= 1 << bit
    with pytest.raises(EnvelopeError):
        open_request(bytes(changed))


@given(st.binary(max_size=400))
def test_whatever_the_bytes_it_is_refused_and_nothing_else_raised(payload):
    with pytest.raises(EnvelopeError):
        open_request(payload)


OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
CN = NameOID.COMMON_NAME


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": "ovh-" + "a" * 26},
        {"reply": ReaderKey("x25519", b"x" * 32).public.encode()},
        {"reply": "x25519:nonsense"},
        {"csr": ""},
        {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"},
        {"csr": csr((CN, "overheard-cloud"))},
        {"csr": csr((CN, DEVICE), (NameOID.ORGANIZATION_NAME, "more"))},
        {"csr": csr()},
        {"csr": csr((CN, DEVICE), key=ec.generate_private_key(ec.SECP256R1()))},
    ],
    ids=[
        "device",
        "reply",
        "not a reply",
        "none",
        "garbage",
        "cloud's name",
        "more names",
        "no name",
        "P-256",
    ],
)
def test_what_a_device_may_not_ask_for_is_refused(wrong):
    with pytest.raises(EnvelopeError):
        open_request(sign_request(request(**wrong), SIGNING))


DER = x509.load_pem_x509_csr(request().csr.encode()).public_bytes(Encoding.DER)


def signed_with(der: bytes) -> bytes:
    body = base64.encodebytes(der).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
    return sign_request(request(csr=pem), SIGNING)


UNUSED_BITS = len(DER) - 65
"""Of the CSR's own signature: it says nothing, where they are zero all the same."""


@pytest.mark.parametrize("at", sorted(set(range(len(DER))) - {UNUSED_BITS}))
def test_whatever_byte_of_its_csr_a_device_changes_nothing_else_is_raised(at):
    """The device's signature is good: a claim is enough to send this."""
    for value in {0, 1, 0x30, 0x7F, 0x80, 0xFF, DER[at] ^ 1, DER[at] ^ 0x20} - {DER[at]}:
        with pytest.raises(EnvelopeError):
            open_request(signed_with(DER[:at] + bytes([value]) + DER[at + 1 :]))


@given(st.binary(max_size=200))
def test_whatever_stands_where_the_csr_should_nothing_else_is_raised(der):
    with pytest.raises(EnvelopeError):
        open_request(signed_with(der))


def test_nobody_asks_in_anothers_name():
    with pytest.raises(EnvelopeError, match="signature"):
        open_request(sign_request(request(), OTHER))
    mine = to_base64(OTHER.public_key().public_bytes_raw())
    with pytest.raises(EnvelopeError, match="not of the device"):
        open_request(sign_request(request(signer=mine), OTHER))


def test_nothing_may_follow_the_signature():
    with pytest.raises(EnvelopeError):
        open_request(GOOD + b"x")


def test_two_devices_on_one_board_say_nothing_that_links_them():
    assert hardware_hash("ovh-a", "1234") != hardware_hash("ovh-b", "1234")
    assert hardware_hash("ovh-a", "1234") == hardware_hash("ovh-a", "1234")
