"""Which walls of the box really stand around this process: not what its unit says, what the kernel does.

Each wall is pushed at in a way that is harmless where it is missing: nothing is written, nobody's namespace
changes, and nothing leaves the machine.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from subprocess import SubprocessError

from device.protections import calls, machine, rights
from device.protections.found import Protections

WALLS: dict[str, Callable[[], bool]] = {
    "not-root": rights.not_root,
    "no-new-privileges": rights.no_new_privileges,
    "no-capabilities": rights.no_capabilities,
    "system-calls": rights.system_calls,
    "no-new-code": rights.code,
    "namespaces": rights.namespaces,
    "set-user-id": rights.set_user_id,
    "sockets": rights.sockets,
    "read-only": machine.files,
    "kernel": machine.kernel,
    "home": machine.home,
    "tmp": machine.tmp,
    "processes": machine.processes,
    "devices": machine.devices,
    "memory": machine.memory,
    "addresses": calls.addresses,
    "ports": calls.ports,
}
"""Every wall, by the name that diary, ledger and doctor know it by; docs/units.md says what each is for."""

__all__ = ["WALLS", "Protections", "look"]


def look(walls: Mapping[str, Callable[[], bool]] = WALLS) -> Protections:
    """Try every wall around this process, in some ten milliseconds. One that cannot be tried is missing; what
    is missing is tried twice, since a machine that is starting moves while it is looked at.
    """
    found = {name: _stands(wall) or _stands(wall) for name, wall in walls.items()}
    return Protections(
        tuple(name for name, stands in found.items() if stands),
        tuple(name for name, stands in found.items() if not stands),
    )


def _stands(wall: Callable[[], bool]) -> bool:
    with suppress(OSError, ValueError, SubprocessError):
        return wall()
    return False
