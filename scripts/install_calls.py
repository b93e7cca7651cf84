"""Whom the speaker may call, from its settings: its broker, and a name server where the broker has a name.

Written for systemd (addresses) and for nftables (addresses and ports); what is not written here is refused.
Run by itself, as overheard-calls.service does, it looks again where the broker's name leads.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from install_place import BROKER_NFT, DROP_INS, SETTINGS, InstallError, Place
from install_service import Services, Systemd
from install_settings import settings

PORTS = {"uplink": 1883, "provision": 8884}
"""The firmware's own defaults, where the settings say nothing."""


class Calls(NamedTuple):
    """Addresses of the broker, its ports, and addresses of name servers."""

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

    @property
    def whom(self) -> str:
        """In words."""
        if not self.brokers:
            return "the speaker may call nobody"
        asked = f"; it asks {', '.join(self.names)} where its broker is" if self.names else ""
        return f"the speaker may call {', '.join(self.brokers)}, and nobody else{asked}"


def calls_of(place: Place) -> Calls:
    """Whom this speaker has to call, by its settings. Raises InstallError where they make no sense."""
    resolv_conf = place.at("/etc/resolv.conf")
    said = resolv_conf.read_text(errors="replace") if resolv_conf.exists() else ""
    return calls(settings(place), said)


def write_calls(place: Place, found: Calls) -> bool:
    """Write both; whether one was not so already."""
    written = [place.write(path, found.drop_in().encode()) for path in DROP_INS]
    written.append(place.write(BROKER_NFT, found.nft().encode()))
    if any(written):
        place.did("broker", found.whom)
    return any(written)


def look_again(place: Place) -> bool:
    """Write where the broker's name leads now; whether that is elsewhere. A name that leads nowhere for the
    moment changes nothing. Raises InstallError.
    """
    found = calls_of(place)
    with place.alone():
        return bool(found.brokers) and write_calls(place, found)


def calls(said: dict[str, dict[str, object]], resolv_conf: str) -> Calls:
    """Whom a speaker with these settings has to call. Raises InstallError where they make no sense."""
    host, ports = broker(said), tuple(_port(said, name) for name in PORTS if name == "uplink" or name in said)
    try:
        return Calls((_plain(host),), ports, ())
    except ValueError:
        found = _addresses(host)
    if all(ipaddress.ip_address(address).is_loopback for address in found):
        return Calls(found, ports, ())  # this machine, or nobody: no name server has to be asked
    return Calls(found, ports, tuple(_name_servers(resolv_conf)))


def broker(said: dict[str, dict[str, object]]) -> str:
    """The broker's name or address. Raises InstallError."""
    host = said.get("uplink", {}).get("host", "127.0.0.1")
    if not isinstance(host, str):
        raise InstallError(f"{SETTINGS}: uplink.host {host!r}: not a text; mend it, then run this again")
    return host


def _port(said: dict[str, dict[str, object]], name: str) -> int:
    port = said.get(name, {}).get("port", PORTS[name])
    if type(port) is not int or not 0 < port < 65536:
        raise InstallError(f"{SETTINGS}: {name}.port {port!r}: not 1 to 65535; mend it, then run this again")
    return port


def _plain(address: str) -> str:
    """The address without its zone (`%eth0`), which no rule knows. Raises ValueError for what is none."""
    return str(ipaddress.ip_address(address.partition("%")[0]))


def _addresses(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: what can be no name, such as `a..b`
        return ()
    return tuple(sorted({_plain(str(entry[4][0])) for entry in found}))


def _name_servers(resolv_conf: str) -> Iterable[str]:
    for line in resolv_conf.splitlines():
        word, address, *_ = [*line.split(), "", ""]
        if word == "nameserver":  # one of this machine, too: it would ask others
            with suppress(ValueError):  # the system's resolver skips what is no address, too
                yield _plain(address)


def _of(version: int, addresses: Iterable[str]) -> list[str]:
    return [address for address in addresses if ipaddress.ip_address(address).version == version]


def _elements(name: str, elements: list[str]) -> list[str]:
    return [f"add element inet overheard {name} {{ {', '.join(elements)} }}\n"] if elements else []


def main(place: Place, services: Services) -> int:
    """Look again, and put in force what is new; returns the exit code."""
    try:
        if look_again(place):
            services.reload()  # by which IPAddressAllow= counts for what runs, too
            services.reread("overheard-firewall")
    except InstallError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Place(Path("/")), Systemd()))
