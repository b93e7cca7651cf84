"""The files of a broker that lets nobody in: mosquitto's configuration and access rules, and the
certificates.

TLS 1.3 and a certificate on every connection; the name in it is the user name and the client id, so nobody
takes over another's session, and the rules give each name its own topics. New devices knock at a second door,
whose certificates (claims) open nothing else. It starts nothing, and never overwrites a key.
"""

import getpass
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cloud_stub.authority import Authority, keep_key
from cloud_stub.errors import KeyFileError
from cloud_stub.private_files import private_directory, write_public

SERVER_LIFE = timedelta(days=825)
CLOUD, HOME_ASSISTANT, CLAIM = "overheard-cloud", "home-assistant", "overheard-claim"

CONFIGURATION = """\
# mosquitto 2, written by `overheard-cloud broker init`; it is written anew each time, so change it there.
# By hand:  mosquitto -c {directory}/mosquitto.conf
user {user}
per_listener_settings true
pid_file {directory}/mosquitto.pid

# What waits for the cloud while it is away. A confirmation (PUBACK) is no durability all the same: devices
# keep everything until the cloud itself has signed for it.
persistence true
persistence_location {directory}/
autosave_interval 60
persistent_client_expiration 14d

# An utterance of 30 s is 376 messages of 2.6 KB. So a queue holds some fifty of them, and one device cannot
# fill the memory.
max_inflight_messages 100
max_queued_messages 20000
max_queued_bytes 67108864
message_size_limit 2097152
max_keepalive 3600
set_tcp_nodelay true
sys_interval 0

# No addresses of clients in the log.
connection_messages false
log_dest stderr
log_type error
log_type warning

# Devices and the cloud.
listener {port}{bind}
{tls}
cafile {directory}/ca.crt
crlfile {directory}/revoked.pem
acl_file {directory}/access.txt
use_username_as_clientid true

# New devices, with a claim certificate: they may ask for a certificate of their own, and nothing else.
listener {claim_port}{bind}
{tls}
cafile {directory}/claim-ca.crt
acl_file {directory}/claim-access.txt
"""

TLS = """\
certfile {directory}/broker.crt
keyfile {directory}/broker.key
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
allow_anonymous false"""

ACCESS = f"""\
# %u is the name in the certificate. A name has no + # or / in it: the authority signs none that has.
pattern write overheard/v1/%u/up/#
pattern read overheard/v1/%u/down/#
pattern read overheard/v1/keys
pattern write homeassistant/device/%u/config

user {CLOUD}
topic read overheard/v1/+/up/#
topic write overheard/v1/+/down/#
topic readwrite overheard/v1/keys

# Home Assistant sees what the devices say of themselves, and can say nothing.
user {HOME_ASSISTANT}
topic read overheard/v1/+/up/status
topic read overheard/v1/+/up/state
topic read homeassistant/#
"""

CLAIM_ACCESS = """\
# %c is the client id: a new device calls itself by the id that it certifies with its own keys.
pattern write overheard/v1/%c/up/request
pattern read overheard/v1/%c/down/certificate
pattern read overheard/v1/keys
"""

SPEAKER = """\
# What a new speaker is given, with ca.crt, claim.crt and claim.key beside it:
#   overheard-device provision --config speaker.toml
[uplink]
host = "{host}"
port = {port}
ca = "ca.crt"

[provision]
port = {claim_port}
claim = "claim.crt"
claim_key = "claim.key"

[cloud]
root = "{root}"
"""


class Address(NamedTuple):
    """Where the broker listens: names or addresses that clients call, two ports, and one address to bind to
    (or all).
    """

    hosts: Sequence[str]
    port: int
    claim_port: int
    bind: str = ""


class BrokerFiles:
    """The broker's files in `directory` (0700, keys 0600). The authorities' own keys and the cloud's
    certificate are in `keys`, where the broker need not look.

    Raises:
        KeyFileError: a directory cannot be written, or a key or certificate in it is damaged.
    """

    def __init__(self, directory: Path, keys: Path, now: datetime) -> None:
        private_directory(directory)
        private_directory(keys)
        self.directory = directory
        self.keys = keys
        self.now = now
        self.authority = Authority(keys, "ca", now)
        self.claims = Authority(keys, "claim-ca", now)

    @property
    def configuration(self) -> Path:
        """What mosquitto is started with."""
        return self.directory / "mosquitto.conf"

    @property
    def bundle(self) -> Path:
        """The folder that is copied to a new speaker."""
        return self.directory / "for-a-new-speaker"

    def write(self, address: Address, root: str) -> None:
        """Write everything: configuration, rules, certificates of broker and cloud, what a new speaker needs.

        root: the verifier key of the cloud's notes, which speakers pin.
        """
        where = str(self.directory.resolve())
        self._certify_server(address.hosts)
        self.certify(CLOUD, self.keys)
        if not (self.directory / "revoked.pem").exists():
            self.revoke([])
        for authority in (self.authority, self.claims):
            write_public(self.directory / authority.path.name, authority.path.read_bytes())
        text = CONFIGURATION.format(
            directory=where, user=getpass.getuser(), port=address.port, claim_port=address.claim_port,
            bind=f" {address.bind}" if address.bind else "", tls=TLS.format(directory=where),
        )  # fmt: skip
        self._write("mosquitto.conf", text)
        self._write("access.txt", ACCESS)
        self._write("claim-access.txt", CLAIM_ACCESS)
        self._write_bundle(address, root)

    def certify(self, name: str, directory: Path) -> None:
        """Give a client that is no device (the cloud, Home Assistant) `name`.key and a fresh `name`.crt."""
        private_directory(directory)
        key = keep_key(directory / f"{name}.key")
        pem = self.authority.issue_client(key, name, self.now + SERVER_LIFE, self.now)
        write_public(directory / f"{name}.crt", pem)

    def revoke(self, serials: Sequence[int]) -> None:
        """Write the list of revoked certificates. The broker reads it at SIGHUP."""
        write_public(self.directory / "revoked.pem", self.authority.revoked(serials, self.now))

    def _certify_server(self, hosts: Sequence[str]) -> None:
        key = keep_key(self.directory / "broker.key")
        pem = self.authority.issue_server(key, hosts, self.now + SERVER_LIFE, self.now)
        write_public(self.directory / "broker.crt", pem)

    def _write_bundle(self, address: Address, root: str) -> None:
        private_directory(self.bundle)
        key = keep_key(self.bundle / "claim.key")
        pem = self.claims.issue_client(key, CLAIM, self.now + SERVER_LIFE, self.now)
        write_public(self.bundle / "claim.crt", pem)
        write_public(self.bundle / "ca.crt", self.authority.path.read_bytes())
        text = SPEAKER.format(
            host=address.hosts[0], port=address.port, claim_port=address.claim_port, root=root
        )
        write_public(self.bundle / "speaker.toml", text.encode())

    def _write(self, name: str, text: str) -> None:
        write_public(self.directory / name, text.encode())


def require_written(directory: Path) -> None:
    """Raise KeyFileError where `broker init` has not been."""
    if not (directory / "mosquitto.conf").exists():
        raise KeyFileError(f"{directory}: no broker's files; run `overheard-cloud broker init` first")


def cloud_context(keys: Path) -> ssl.SSLContext:
    """TLS 1.3 to the broker, with the cloud's own certificate, and no other authority than ours.

    Raises KeyFileError.
    """
    try:
        context = ssl.create_default_context(cafile=keys / "ca.crt")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(keys / f"{CLOUD}.crt", keys / f"{CLOUD}.key")
    except OSError as error:  # as SSLError is
        raise KeyFileError(f"{keys}: {error}; run `overheard-cloud broker init`") from error
    return context
