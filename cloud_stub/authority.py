"""The certificate authority of one broker: Ed25519 certificates for the broker, the cloud and each device,
and the list of those that are revoked. It never sees a device's private key, and asks no clock.

A certificate's name (CN) is the MQTT user name and client id of whoever holds it.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud_stub.errors import KeyFileError
from cloud_stub.private_files import keep, write_public

CA_LIFE = timedelta(days=20 * 366)
BACKDATED = timedelta(days=1)
"""Certificates begin this long before they are made: the clock of a Pi without a battery may be behind."""

_SIGNS = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


class Authority:
    """The authority called `name`, whose key and certificate are `name`.key (0600) and `name`.crt in
    `directory`, made if they are not there.

    Raises:
        KeyFileError: a file is damaged, readable by others, or cannot be made.
    """

    def __init__(self, directory: Path, name: str, now: datetime) -> None:
        self._key = _private(keep(directory / f"{name}.key", new_key), directory / f"{name}.key")
        self.path = directory / f"{name}.crt"
        if not self.path.exists():
            write_public(self.path, _pem(self._sign_itself(name, now)))
        self.certificate = read_certificate(self.path)

    def issue_server(
        self, key: Ed25519PublicKey, hosts: Sequence[str], not_after: datetime, now: datetime
    ) -> bytes:
        """PEM of a certificate for the broker at `hosts` (names or addresses)."""
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        return self._issue(key, hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, not_after, now, [names])

    def issue_client(self, key: Ed25519PublicKey, name: str, not_after: datetime, now: datetime) -> bytes:
        """PEM of a certificate with which a client connects as `name`."""
        return self._issue(key, name, ExtendedKeyUsageOID.CLIENT_AUTH, not_after, now, [])

    def revoked(self, serials: Iterable[int], now: datetime) -> bytes:
        """PEM of the list of revoked certificates (CRL): the broker refuses these."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - BACKDATED).next_update(now + CA_LIFE)
        for serial in sorted(serials):
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, None).public_bytes(Encoding.PEM)

    def _issue(
        self, key: Ed25519PublicKey, name: str, use: x509.ObjectIdentifier, not_after: datetime, now:
        datetime, more: Sequence[x509.ExtensionType],
    ) -> bytes:  # fmt: skip
        builder = (
            self._begin(name, key, now, not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        return _pem(builder.sign(self._key, None))

    def _sign_itself(self, name: str, now: datetime) -> x509.Certificate:
        builder = self._begin(name, self._key.public_key(), now, now + CA_LIFE, issuer=_name(name))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return builder.add_extension(_SIGNS, critical=True).sign(self._key, None)

    def _begin(
        self,
        name: str,
        key: Ed25519PublicKey,
        now: datetime,
        not_after: datetime,
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(issuer or self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now.astimezone(UTC) - BACKDATED)
            .not_valid_after(not_after.astimezone(UTC))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )


def new_key() -> bytes:
    """PEM (PKCS #8) of a new Ed25519 key."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def keep_key(path: Path) -> Ed25519PublicKey:
    """The public half of the key in `path` (0600), made if it is not there. Raises KeyFileError."""
    return _private(keep(path, new_key), path).public_key()


def read_certificate(path: Path) -> x509.Certificate:
    """The certificate in a PEM file. Raises KeyFileError."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; run `overheard-cloud broker init`") from error
    except ValueError as error:
        raise KeyFileError(
            f"{path}: not a certificate; restore it, or move it away to make a new one"
        ) from error


def revoked_serials(path: Path) -> list[int]:
    """The serials in a list of revoked certificates. Raises KeyFileError."""
    try:
        return [each.serial_number for each in x509.load_pem_x509_crl(path.read_bytes())]
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; run `overheard-cloud broker init`") from error
    except ValueError as error:
        raise KeyFileError(f"{path}: damaged; move it away and run `overheard-cloud broker init`") from error


def _private(pem: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path}: not a key; restore it, or move it away to make a new one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key; restore it, or move it away to make a new one")
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
