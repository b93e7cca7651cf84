"""What can be done inside a unit's own box, and what can be once a wall is taken away: its unit file, with
another ExecStart and without some of its lines.
"""

from pathlib import Path

from device.protections import WALLS, Protections
from scripts.units_machine import AFAR, BROKER, ELSEWHERE, NAMES, RESOLVER, Machine

SYSTEMD = Path(__file__).resolve().parents[1] / "systemd"
LOOK = "/opt/overheard/current/bin/python -m device.protections"

BROKERS = [f"tcp:{BROKER}:8883", f"tcp:{BROKER}:8884"]
OTHER_PORTS = [f"tcp:{BROKER}:{port}" for port in (22, 443, 1883)]
OTHERS = [
    f"tcp:{ELSEWHERE}:80",
    f"tcp:{ELSEWHERE}:8080",
    f"tcp:{NAMES}:53",
    f"udp:{NAMES}:53",
    f"tcp:{AFAR}:443",
]
HERE = [f"tcp:{RESOLVER}:53", f"udp:{RESOLVER}:53", "tcp:127.0.0.1:8080"]
IN_BETWEEN = ["unix:/run/dbus/system_bus_socket"]  # who would call for it
PLACES = [*BROKERS, *OTHER_PORTS, *OTHERS, *HERE, *IN_BETWEEN]

# Which lines each wall is made of. Any filter of system calls brings no-new-privileges with it.
FILTERS = ("System", "Restrict", "MemoryDeny", "LockPers", "Protect", "Private")
LINES = {
    "not-root": ("User=", "Group="),
    "no-new-privileges": ("NoNew", *FILTERS),
    "no-capabilities": ("Capability", "Ambient"),
    "system-calls": ("SystemCallFilter",),
    "no-new-code": ("MemoryDeny",),
    "namespaces": ("RestrictNamespaces",),
    "set-user-id": ("RestrictSUIDSGID",),
    "sockets": ("RestrictAddressFamilies",),
    "read-only": ("ProtectSystem",),
    "kernel": ("ProtectControlGroups",),
    "home": ("ProtectHome",),
    "tmp": ("PrivateTmp",),
    "processes": ("ProtectProc",),
    "devices": ("Device",),
    "memory": ("MemoryMax", "LimitDATA"),
    "addresses": ("IPAddress",),
}


def inside(machine: Machine, name: str, run: str, *without: str, unit: str = "device") -> list[str]:
    """What a program says that runs in the unit's box, but for the lines that begin with `without`."""
    dropped = ("Type=", "Restart=", "Watchdog", "RestartPrevent", *without)
    whole = (SYSTEMD / f"overheard-{unit}.service").read_text(encoding="utf-8")
    lines = [line for line in whole.splitlines() if not line.startswith(dropped)]
    own = ["[Service]", "Type=oneshot", *([] if "IPAddress" in without else [f"IPAddressAllow={BROKER}"])]
    text = "\n".join(lines).replace("[Service]", "\n".join(own))
    at = next(line for line in lines if line.startswith("ExecStart="))
    machine.write(f"/etc/systemd/system/{name}.service", text.replace(at, f"ExecStart={run}"))
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "start", name)
    return [str(entry["MESSAGE"]) for entry in machine.said(name)]


def walls(machine: Machine) -> str:
    """Each wall, once without its lines: it is missed, and nothing is that still stands."""
    whole = _found(inside(machine, "walls-whole", LOOK))
    assert whole == Protections(tuple(WALLS), ()), str(whole)
    said = [f"whole: {len(whole.in_force)} in force, none missing"]
    for wall, lines in LINES.items():
        found = _found(inside(machine, f"walls-{wall}", LOOK, *lines))
        assert wall in found.missing, f"{wall}: not missed; {found}"
        assert len(found.missing) == 1 or wall in {"not-root", "no-new-privileges"}, f"{wall}: {found}"
        said.append(f"without {wall}: missing {', '.join(found.missing)}")
    return "\n".join(said)


def _found(said: list[str]) -> Protections:
    return Protections.of(next(line for line in said if line.startswith("in force: ")))


def reached(machine: Machine, name: str, *without: str) -> dict[str, str]:
    """Which places are reached from inside, and why the others are not."""
    return _reached(inside(machine, name, _reach(PLACES), *without), PLACES)


def _reach(places: list[str]) -> str:
    return f"/usr/bin/python3 /proof/reach.py {' '.join(places)}"


def _reached(said: list[str], places: list[str]) -> dict[str, str]:
    return {words[0]: words[1] for words in (line.split() for line in said) if words[0] in places}


def firewalls(machine: Machine) -> str:
    """Both firewalls, each alone, and neither, which shows that the others could have failed."""
    alone = ("After=", "Wants=")
    said = [_judged("both firewalls", reached(machine, "reach-both"), BROKERS)]
    machine.do("systemctl", "stop", "overheard-firewall")
    machine.shell("nft delete table inet overheard")
    found = _found(inside(machine, "reach-ports-gone", LOOK, *alone))
    assert found.missing == ("ports",), str(found)
    said.append(
        _judged(
            "IPAddressAllow alone",
            reached(machine, "reach-addresses", *alone),
            BROKERS + OTHER_PORTS + HERE,
        )
    )
    said.append(_judged("neither", reached(machine, "reach-none", *alone, "IPAddress", "Inacc"), PLACES))
    machine.do("systemctl", "start", "overheard-firewall")
    said.append(_judged("nftables alone", reached(machine, "reach-ports", "IPAddress"), BROKERS))
    return "\n".join(said)


def brokers_view(machine: Machine) -> str:
    """What the broker sees of the cloud, whose user it is: its own folder, and neither vault nor keys, by
    whichever way; without the lines that close them, all of it.
    """
    state, root = "/var/lib/overheard-cloud", f"/proc/{machine.shows('overheard-cloud', 'MainPID')}/root"
    own = [f"file:{state}/broker"]
    closed = [f"file:{state}/{folder}" for folder in ("vault", "keys", "broker/for-a-new-speaker")]
    around = [f"file:{root}{state}/vault"]
    places = [*own, *closed, *around]
    said = inside(machine, "view-broker", _reach(places), unit="broker")
    lines = ("TemporaryFileSystem", "BindPaths", "InaccessiblePaths")
    without = inside(machine, "view-open", _reach(places), *lines, unit="broker")
    return "\n".join(
        (
            _judged("the broker", _reached(said, places), own, places),
            _judged("without those lines", _reached(without, places), own + closed, places),
        )
    )


def _judged(which: str, found: dict[str, str], expected: list[str], asked: list[str] = PLACES) -> str:
    got = {place for place, how in found.items() if how == "reached"}
    assert len(found) == len(asked), f"{which}: not all were tried: {found}"
    assert got == set(expected), f"{which}: {found}"
    refused = sorted({how for how in found.values() if how != "reached"})
    others = f"; the others: {', '.join(refused)}" if refused else ""
    return f"{which}: {len(got)} of {len(found)} places reached, as expected{others}"
