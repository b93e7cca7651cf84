"""The device's TLS certificate: the key is made here and never leaves, the cloud signs what is asked for.

Its own key, and not the one that signs what is said, so that it can be changed: the next certificate is asked
for when two thirds of this one are over, and the one before stays until the new one has opened a connection.
"""

import ssl
import threading
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from device.credentials import require_private
from device.envelope.layout import to_base64
from device.envelope.request import Request, sign_request
from device.errors import ConfigError, DiskError, KeyFileError
from device.keys import Identity, write_private

PAIR = "tls.pem"
"""The newest certificate and its key."""


class Certificate:
    """`tls.pem` in `directory`: key and certificate, under the broker's CA in the file `ca`; beside it the
    key that is asked for next, and the pair before.

    Raises:
        ConfigError: `ca` is no CA certificate.
        KeyFileError: the pair is damaged, or readable by others.
    """

    def __init__(self, directory: Path, identity: Identity, ca: Path, hardware: str | None) -> None:
        self._identity = identity
        self._hardware = hardware
        self._ca_path = ca
        self._ca = _read_ca(ca)
        self._path = directory / PAIR
        self._before = directory / "tls-before.pem"
        self._next = directory / "tls-next.key"
        self._changing = threading.Lock()  # the loop takes a certificate while the uplink connects
        self._turn = self._generation = 0
        self._used: tuple[Path, int] | None = None
        self.certificate = _read_pair(self._path) if self._path.exists() else None

    def due(self, now: datetime) -> bool:
        """Whether to ask for a certificate: there is none, or two thirds of it are over."""
        mine = self.certificate
        if mine is None:
            return True
        begin, end = mine.not_valid_before_utc, mine.not_valid_after_utc
        return now >= begin + (end - begin) * 2 / 3

    def request(self) -> bytes:
        """A request for the next certificate; the same key until one is given.

        Raises DiskError when the new key cannot be written.
        """
        me = self._identity
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, me.device)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self._next_key(), None)
        text = csr.public_bytes(Encoding.PEM).decode("ascii")
        record = Request(1, me.device, to_base64(me.public), me.reply.public.encode(), text, self._hardware)
        return sign_request(record, me.signing)

    def take(self, pem: str) -> bool:
        """Keep a certificate if it is for the key that was asked for, names this device, and the CA signed
        it.

        Returns whether it was. Raises DiskError.
        """
        if not self._next.exists():
            return False
        key = self._next_key()
        certificate = self._fitting(pem, key)
        if certificate is None:
            return False
        with self._changing:
            try:
                if self._path.exists():
                    write_private(self._before, self._path.read_bytes())
                write_private(self._path, _pem(key) + certificate.public_bytes(Encoding.PEM))
                self._next.unlink()
            except OSError as error:
                raise DiskError(
                    f"{self._path}: {error.strerror}; make room in the state directory"
                ) from error
            self.certificate = certificate
            self._generation += 1
            self._turn = 0
        return True

    def context(self) -> ssl.SSLContext:
        """TLS 1.3 to the broker with the next pair. Raises KeyFileError when it cannot be used."""
        return tls_context(self._ca_path, self.next_pair())

    def next_pair(self) -> Path:
        """The pair for the next connection: the newest; every other time, while there is one, the one before.

        Raises KeyFileError when there is none.
        """
        with self._changing:
            pairs = [path for path in (self._path, self._before) if path.exists()]
            if not pairs:
                raise KeyFileError(f"{self._path}: no certificate yet; run `overheard-device provision`")
            pair = pairs[self._turn % len(pairs)]
            self._turn += 1
            self._used = pair, self._generation
            return pair

    def settle(self) -> None:
        """A connection stands: the pair before is not needed once the newest has opened one."""
        with self._changing:
            if self._used == (self._path, self._generation):
                self._before.unlink(missing_ok=True)
            self._turn = 0

    def _next_key(self) -> Ed25519PrivateKey:
        """The key that is asked for; a damaged one is made anew: no certificate was given for it yet."""
        try:
            return _read_key(self._next)
        except KeyFileError:
            key = Ed25519PrivateKey.generate()
        try:
            write_private(self._next, _pem(key))
        except OSError as error:
            raise DiskError(f"{self._next}: {error.strerror}; make room in the state directory") from error
        return key

    def _fitting(self, pem: str, key: Ed25519PrivateKey) -> x509.Certificate | None:
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            certificate.verify_directly_issued_by(self._ca)
            names = [(each.oid, each.value) for each in certificate.subject]
            fits = certificate.public_key() == key.public_key() and names == [
                (NameOID.COMMON_NAME, self._identity.device)
            ]
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion):
            return None
        return certificate if fits else None


class _Socket(ssl.SSLSocket):
    """One that is closed when its greeting fails: paho leaves that to chance."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(ca: Path, pair: Path, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.3 with the certificate in `pair`, its key there or in `key`; the broker must be of that CA, and
    be who it is called.

    Raises KeyFileError.
    """
    require_private(key or pair)
    try:
        context = ssl.create_default_context(cafile=ca)
        context.sslsocket_class = _Socket
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(pair, key)
    except OSError as error:  # as SSLError is
        raise KeyFileError(f"{pair}: {error}; restore it, or provision again") from error
    return context


def _read_ca(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name the broker's CA in [uplink] ca") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not a certificate; name the broker's CA in [uplink] ca") from error


def _read_pair(path: Path) -> x509.Certificate:
    require_private(path)
    try:
        _read_key(path)
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise KeyFileError(f"{path}: damaged; move it away and run `overheard-device provision`") from error


def _read_key(path: Path) -> Ed25519PrivateKey:
    require_private(path)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError) as error:
        raise KeyFileError(f"{path}: damaged; move it away and run `overheard-device provision`") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key; move it away and run `overheard-device provision`")
    return key


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
