"""What can be done inside the speaker's own box, and what can be once a wall is taken away: its unit file,
with another ExecStart and without some of its lines.
"""

from pathlib import Path

from device.protections import WALLS, Protections
from scripts.units_machine import AFAR, BROKER, ELSEWHERE, NAMES, Machine

UNIT = Path(__file__).resolve().parents[1] / "systemd/overheard-device.service"
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
PLACES = [*BROKERS, *OTHER_PORTS, *OTHERS]

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


def inside(machine: Machine, name: str, run: str, *without: str) -> list[str]:
    """What a program says that runs in the speaker's box, but for the lines that begin with `without`."""
    dropped = ("Type=", "Restart=", "Watchdog", "RestartPrevent", *without)
    lines = [line for line in UNIT.read_text(encoding="utf-8").splitlines() if not line.startswith(dropped)]
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
    said = inside(machine, name, f"/usr/bin/python3 /proof/reach.py {' '.join(PLACES)}", *without)
    return {words[0]: words[1] for words in (line.split() for line in said) if words[0] in PLACES}


def firewalls(machine: Machine) -> str:
    """Both firewalls, each alone, and neither, which shows that the others could have failed."""
    alone = ("After=", "Wants=")
    said = [_judged("both firewalls", reached(machine, "reach-both"), BROKERS)]
    machine.do("systemctl", "stop", "overheard-firewall")
    machine.shell("nft delete table inet overheard")
    found = _found(inside(machine, "reach-ports-gone", LOOK, *alone))
    assert found.missing == ("ports",), str(found)
    said.append(
        _judged("IPAddressAllow alone", reached(machine, "reach-addresses", *alone), BROKERS + OTHER_PORTS)
    )
    said.append(_judged("neither", reached(machine, "reach-none", *alone, "IPAddress"), PLACES))
    machine.do("systemctl", "start", "overheard-firewall")
    said.append(_judged("nftables alone", reached(machine, "reach-ports", "IPAddress"), BROKERS))
    return "\n".join(said)


def _judged(which: str, found: dict[str, str], expected: list[str]) -> str:
    got = {place for place, how in found.items() if how == "reached"}
    assert len(found) == len(PLACES), f"{which}: not all were tried: {found}"
    assert got == set(expected), f"{which}: {found}"
    refused = sorted({how for how in found.values() if how != "reached"})
    others = f"; the others: {', '.join(refused)}" if refused else ""
    return f"{which}: {len(got)} of {len(found)} places reached, as expected{others}"
