"""The files of a broker that lets nobody in: mosquitto's configuration and access rules, and the
certificates.

TLS 1.3 and a certificate on every connection; the name in it is the user name and the client id, so nobody
takes over another's session, and the rules give each name its own topics. Guests have a door and an authority
of their own: what opens it opens nothing else. It starts nothing, and never overwrites a key unless told to.
"""

import getpass
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cloud_stub.authority import Authority, keep_key, read_certificate, revoked_serials
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

# An utterance of 30 s is 376 messages of 2.6 KB, so a queue of the cloud holds some fifty of them; the
# longest message is an answer of 30 s. The last limit is for all together: a device that fills it, with what
# is retained, cannot take the machine down, but is in everybody's way. Revoke it, stop the broker, delete
# mosquitto.db and start it again: devices keep what they said until the cloud has signed for it.
max_inflight_messages 100
max_queued_messages 20000
max_queued_bytes 67108864
message_size_limit 1048576
memory_limit 268435456
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

# Guests: new devices, whose claim certificate lets them ask for one of their own; and Home Assistant.
listener {guest_port}{bind}
{tls}
cafile {directory}/guest-ca.crt
crlfile {directory}/guest-revoked.pem
acl_file {directory}/guest-access.txt
max_connections 100
"""

TLS = """\
certfile {directory}/broker.crt
keyfile {directory}/broker.key
tls_version tlsv1.3
require_certificate true
allow_anonymous false
# The name in the certificate is the user name and the client id, on every listener: ids are the whole
# broker's, and whoever chose one could take over the connection of its owner.
use_identity_as_username true
use_username_as_clientid true"""

ACCESS = f"""\
# %u is the name in the certificate. A name has no + # or / in it: the authority signs none that has.
pattern write overheard/v1/%u/up/status
pattern write overheard/v1/%u/up/state
pattern write overheard/v1/%u/up/checkpoint
pattern write overheard/v1/%u/up/request
pattern write overheard/v1/%u/up/utterance/+/begin
pattern write overheard/v1/%u/up/utterance/+/segment
pattern write overheard/v1/%u/up/utterance/+/end
pattern read overheard/v1/%u/down/#
pattern read overheard/v1/keys
pattern write homeassistant/device/%u/config

user {CLOUD}
topic read overheard/v1/+/up/#
topic write overheard/v1/+/down/#
topic readwrite overheard/v1/keys
"""

GUEST_ACCESS = f"""\
# New devices share one name. A request is signed by the device that it names, and a certificate is no secret.
user {CLAIM}
topic write overheard/v1/+/up/request
topic read overheard/v1/+/down/certificate
topic read overheard/v1/keys

# Home Assistant sees what the devices say of themselves, and can say nothing.
user {HOME_ASSISTANT}
topic read overheard/v1/+/up/status
topic read overheard/v1/+/up/state
topic read homeassistant/#
"""

SPEAKER = """\
# What a new speaker is given, with ca.crt, claim.crt and claim.key beside it:
#   overheard-device provision --config speaker.toml
[uplink]
host = "{host}"
port = {port}
ca = "ca.crt"

[provision]
port = {guest_port}
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
    guest_port: int
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
        self.guests = Authority(keys, "guest-ca", now)

    @property
    def configuration(self) -> Path:
        """What mosquitto is started with."""
        return self.directory / "mosquitto.conf"

    @property
    def bundle(self) -> Path:
        """The folder that is copied to a new speaker."""
        return self.directory / "for-a-new-speaker"

    def write(self, address: Address, root: str, revoked: Sequence[int]) -> None:
        """Write everything: configuration, rules, certificates of broker and cloud, what a new speaker needs.

        root: the verifier key of the cloud's notes, which speakers pin. revoked: serials that are not to be
        let in.
        """
        where = str(self.directory.resolve())
        self._certify_server(address.hosts)
        self._certify(self.authority, CLOUD, self.keys)
        self.revoke(revoked)
        if not self._guest_list.exists():
            self._revoke_guests([])
        for authority in (self.authority, self.guests):
            write_public(self.directory / authority.path.name, authority.path.read_bytes())
        text = CONFIGURATION.format(
            directory=where, user=getpass.getuser(), port=address.port, guest_port=address.guest_port,
            bind=f" {address.bind}" if address.bind else "", tls=TLS.format(directory=where),
        )  # fmt: skip
        self._write("mosquitto.conf", text)
        self._write("access.txt", ACCESS)
        self._write("guest-access.txt", GUEST_ACCESS)
        self._write_bundle(address, root)

    @property
    def listens(self) -> tuple[str, int]:
        """Where the broker is for this machine. Raises KeyFileError where nothing was written yet."""
        return listener(self.directory)

    def certify_guest(self, name: str, directory: Path) -> None:
        """Give a guest `name`.key and a fresh `name`.crt in `directory`."""
        self._certify(self.guests, name, directory)

    def renew_claim(self) -> None:
        """Make another claim for new speakers, with a new key; the one before is refused from the broker's
        next look at its list on.
        """
        gone = read_certificate(self.bundle / "claim.crt").serial_number
        self._revoke_guests([*revoked_serials(self._guest_list), gone])
        (self.bundle / "claim.key").unlink(missing_ok=True)
        (self.bundle / "claim.crt").unlink(missing_ok=True)
        self._certify_claim()

    def revoke(self, serials: Sequence[int]) -> None:
        """Write the list of revoked certificates of devices. The broker reads it at SIGHUP."""
        write_public(self.directory / "revoked.pem", self.authority.revoked(serials, self.now))

    @property
    def _guest_list(self) -> Path:
        return self.directory / "guest-revoked.pem"

    def _revoke_guests(self, serials: Sequence[int]) -> None:
        write_public(self._guest_list, self.guests.revoked(serials, self.now))

    def _certify(self, authority: Authority, name: str, directory: Path) -> None:
        private_directory(directory)
        key = keep_key(directory / f"{name}.key")
        pem = authority.issue_client(key, name, self.now + SERVER_LIFE, self.now)
        write_public(directory / f"{name}.crt", pem)

    def _certify_server(self, hosts: Sequence[str]) -> None:
        key = keep_key(self.directory / "broker.key")
        pem = self.authority.issue_server(key, hosts, self.now + SERVER_LIFE, self.now)
        write_public(self.directory / "broker.crt", pem)

    def _certify_claim(self) -> None:
        """One claim at a time, so that there is one to revoke."""
        path = self.bundle / "claim.crt"
        if path.exists() and read_certificate(path).not_valid_after_utc > self.now + SERVER_LIFE / 3:
            return
        key = keep_key(self.bundle / "claim.key")
        write_public(path, self.guests.issue_client(key, CLAIM, self.now + SERVER_LIFE, self.now))

    def _write_bundle(self, address: Address, root: str) -> None:
        private_directory(self.bundle)
        self._certify_claim()
        write_public(self.bundle / "ca.crt", self.authority.path.read_bytes())
        text = SPEAKER.format(
            host=address.hosts[0], port=address.port, guest_port=address.guest_port, root=root
        )
        write_public(self.bundle / "speaker.toml", text.encode())

    def _write(self, name: str, text: str) -> None:
        write_public(self.directory / name, text.encode())


def listener(directory: Path) -> tuple[str, int]:
    """The address and port for devices in the configuration that `broker init` wrote into `directory`.

    Raises KeyFileError where it has not been.
    """
    try:
        lines = (directory / "mosquitto.conf").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise KeyFileError(
            f"{directory}: no broker's files; run `overheard-cloud broker init` first"
        ) from error
    port, *bind = next(line for line in lines if line.startswith("listener ")).split()[1:]
    return (bind[0] if bind else "127.0.0.1"), int(port)


class _Socket(ssl.SSLSocket):
    """One that is closed when its greeting fails: paho leaves that to chance."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def cloud_context(keys: Path) -> ssl.SSLContext:
    """TLS 1.3 to the broker, with the cloud's own certificate, and no other authority than ours.

    Raises KeyFileError.
    """
    try:
        context = ssl.create_default_context(cafile=keys / "ca.crt")
        context.sslsocket_class = _Socket
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(keys / f"{CLOUD}.crt", keys / f"{CLOUD}.key")
    except OSError as error:  # as SSLError is
        raise KeyFileError(f"{keys}: {error}; run `overheard-cloud broker init`") from error
    return context
