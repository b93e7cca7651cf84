"""Whom the speaker may call, from its settings: its broker, and a name server where the broker has a name.

Written for systemd (addresses) and for nftables (addresses and ports); what is not written here is refused.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import NamedTuple

from install_place import BROKER_NFT, SETTINGS, UNITS, Place
from install_settings import settings

DROP_INS = tuple(f"{UNITS}/overheard-{unit}.service.d/broker.conf" for unit in ("device", "provision"))
PORTS = {"uplink": 1883, "provision": 8884}
"""The firmware's own defaults, where the settings say nothing."""


class Calls(NamedTuple):
    """Addresses of the broker, its ports, and addresses of name servers that are not this machine."""

    brokers: tuple[str, ...]
    ports: tuple[int, ...]
    names: tuple[str, ...]

    def drop_in(self) -> str:
        """For systemd: addresses alone, it knows no ports."""
        allowed = "".join(f"IPAddressAllow={address}\n" for address in (*self.brokers, *self.names))
        return f"# Written by scripts/install from {SETTINGS}: the broker.\n[Service]\n{allowed}"

    def nft(self) -> str:
        """For nftables: the elements of the sets in overheard.nft."""
        lines = [f"# Written by scripts/install from {SETTINGS}: the broker.\n"]
        for version in (4, 6):
            ends = [f"{address} . {port}" for address in _of(version, self.brokers) for port in self.ports]
            lines += _elements(f"broker{version}", ends)
            lines += _elements(f"names{version}", _of(version, self.names))
        return "".join(lines)


def see_to_calls(place: Place) -> bool:
    """Write both; whether one was not so already."""
    resolv_conf = place.at("/etc/resolv.conf")
    found = calls(settings(place), resolv_conf.read_text() if resolv_conf.exists() else "")
    written = [place.write(path, found.drop_in().encode()) for path in DROP_INS]
    written.append(place.write(BROKER_NFT, found.nft().encode()))
    if not found.brokers:
        place.say("broker", "its name has no address now: the speaker may call nobody; then run this again")
    elif any(written):
        place.did("broker", f"the speaker may call {', '.join(found.brokers)}, nobody else")
    return any(written)


def calls(said: dict[str, dict[str, object]], resolv_conf: str) -> Calls:
    """Whom a speaker with these settings has to call."""
    host = str(said.get("uplink", {}).get("host", "127.0.0.1"))
    tables = [name for name in PORTS if name == "uplink" or name in said]
    ports = tuple(int(str(said.get(name, {}).get("port", PORTS[name]))) for name in tables)
    try:
        return Calls((str(ipaddress.ip_address(host)),), ports, ())
    except ValueError:
        return Calls(_addresses(host), ports, tuple(_name_servers(resolv_conf)))


def _addresses(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({str(entry[4][0]).partition("%")[0] for entry in found}))


def _name_servers(resolv_conf: str) -> Iterable[str]:
    for line in resolv_conf.splitlines():
        word, _, address = line.strip().partition(" ")
        if word == "nameserver" and not address.strip().startswith(("127.", "::1")):
            yield address.strip().partition("%")[0]


def _of(version: int, addresses: Iterable[str]) -> list[str]:
    return [address for address in addresses if ipaddress.ip_address(address).version == version]


def _elements(name: str, elements: list[str]) -> list[str]:
    return [f"add element inet overheard {name} {{ {', '.join(elements)} }}\n"] if elements else []
