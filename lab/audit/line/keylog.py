"""An NSS key log: the secrets of TLS connections, as OpenSSL writes them where it is asked to.

    <label> <client random, 64 hex digits> <secret, hex>

The format is that of RFC 9850. Labels that open nothing here are passed over, and so are comments.
"""

import re
from pathlib import Path
from typing import NamedTuple

from lab.audit.errors import Damaged

_LINE = re.compile(
    r"(?P<label>[A-Z0-9_]{1,64}) (?P<random>[0-9a-fA-F]{64}) (?P<secret>(?:[0-9a-fA-F]{2}){1,64})"
)
_LARGEST_BYTES = 64 << 20

_LABELS = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": (True, "handshake"),
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": (False, "handshake"),
    "CLIENT_TRAFFIC_SECRET_0": (True, "traffic"),
    "SERVER_TRAFFIC_SECRET_0": (False, "traffic"),
}


class Secrets(NamedTuple):
    """The traffic secrets of one side of a connection (RFC 8446 section 7.1)."""

    handshake: bytes
    traffic: bytes


class KeyLog:
    """The secrets of every connection, by its client random."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[bytes, bool, str], bytes] = {}

    def add(self, random: bytes, label: str, secret: bytes) -> bool:
        """Remember a secret; False if another one is there for the same connection."""
        if label not in _LABELS:
            return True
        return self._secrets.setdefault((random, *_LABELS[label]), secret) == secret

    def secrets(self, random: bytes, *, of_client: bool) -> Secrets | None:
        """The secrets of one side of the connection with that client random; None unless both are here."""
        handshake = self._secrets.get((random, of_client, "handshake"))
        traffic = self._secrets.get((random, of_client, "traffic"))
        return Secrets(handshake, traffic) if handshake and traffic else None


def read(path: Path) -> KeyLog:
    """Read a key log. Raises Damaged where a line of it is none."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise Damaged(path.name, "more than 64 MiB of keys; give those of this capture")
        return parse(path.read_bytes(), path.name)
    except OSError as error:
        raise Damaged(path.name, f"cannot be read ({error.strerror})") from error


def parse(text: bytes, name: str) -> KeyLog:
    """Read a key log's lines. Raises Damaged, naming `name` and the line."""
    log = KeyLog()
    for number, line in enumerate(text.split(b"\n"), 1):
        said = line.decode("latin-1").rstrip("\r")
        if not said or said.startswith("#"):
            continue
        found = _LINE.fullmatch(said)
        if found is None:
            raise Damaged(f"{name}:{number}", "not a line of an NSS key log")
        random, secret = bytes.fromhex(found["random"]), bytes.fromhex(found["secret"])
        if not log.add(random, found["label"], secret):
            raise Damaged(f"{name}:{number}", "another secret for the same connection")
    return log
