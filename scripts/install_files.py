"""What is written outside of releases: units, users, rules and links. All of it is the current release's own,
so that going back to a release goes back to its units, too.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from install_place import BROKER_NFT, CLOUD_STATE, CURRENT, ETC, STATE, UNITS, InstallError, Owner, Place

SYSUSERS = "/usr/lib/sysusers.d/overheard.conf"
UDEV = "/etc/udev/rules.d/60-overheard.rules"
NFT = f"{ETC}/overheard.nft"
BIN = "/usr/local/bin"


class File(NamedTuple):
    """One file of a release's `systemd` folder, and where it goes."""

    role: str
    name: str
    target: str


FILES = (
    File("any", "overheard.sysusers.conf", SYSUSERS),
    File("speaker", "60-overheard.rules", UDEV),
    File("speaker", "overheard.nft", NFT),
    File("speaker", "overheard-firewall.service", f"{UNITS}/overheard-firewall.service"),
    File("speaker", "overheard-device.service", f"{UNITS}/overheard-device.service"),
    File("speaker", "overheard-provision.service", f"{UNITS}/overheard-provision.service"),
    File("cloud", "overheard-broker.service", f"{UNITS}/overheard-broker.service"),
    File("cloud", "overheard-cloud.service", f"{UNITS}/overheard-cloud.service"),
)

COMMANDS = {"speaker": ("overheard-device",), "cloud": ("overheard-cloud",)}
USERS = {"speaker": "overheard", "cloud": "overheard-cloud"}
STATES = {"speaker": STATE, "cloud": CLOUD_STATE}


def roles_there(place: Place) -> list[str]:
    """What is installed: `speaker`, `cloud`, both or nothing."""
    return [role for role, (command,) in COMMANDS.items() if place.at(f"{BIN}/{command}").is_symlink()]


def lay(place: Place, roles: Sequence[str]) -> bool:
    """Write what belongs to the current release; whether anything was not so already. Raises InstallError."""
    folder = place.at(CURRENT) / "source" / "systemd"
    changed = []
    for file in FILES:
        if file.role in ("any", *roles) and _lay(place, folder / file.name, file):
            changed.append(file.target)
    for role in roles:
        for command in COMMANDS[role]:
            if place.link(f"{BIN}/{command}", f"{CURRENT}/bin/{command}"):
                changed.append(f"{BIN}/{command}")
    if changed:
        place.did("files", " ".join(changed))
    _see_to_users(place, roles, anew=SYSUSERS in changed)
    if place.live and UDEV in changed and shutil.which("udevadm"):
        subprocess.run(["udevadm", "control", "--reload"], capture_output=True, check=False)
    return bool(changed)


def lift(place: Place) -> None:
    """Remove what `lay` wrote, drop-ins included."""
    targets = [file.target for file in FILES] + [BROKER_NFT]
    targets += [f"{target}.d" for target in targets if target.endswith(".service")]
    targets += [f"{BIN}/{command}" for commands in COMMANDS.values() for command in commands]
    gone = [target for target in targets if place.remove(target)]
    if gone:
        place.did("files", f"removes {' '.join(gone)}")


def see_to_state(place: Place, roles: Sequence[str]) -> None:
    """Keys, outbox and vault are their own user's alone; what is in /etc is root's."""
    made = [ETC] if place.folder(ETC, Owner(mode=0o755)) else []
    for role in roles:
        user = USERS[role]
        if place.folder(STATES[role], Owner(user, user, 0o700)):
            made.append(STATES[role])
    if made:
        place.did("folders", " ".join(made))


def _lay(place: Place, source: Path, file: File) -> bool:
    if not source.is_file():
        return place.remove(file.target)  # a release that has it no more
    return place.write(file.target, source.read_bytes())


def _see_to_users(place: Place, roles: Sequence[str], *, anew: bool) -> None:
    if not place.live:
        return
    there = Path("/etc/passwd").read_text(encoding="utf-8")
    missing = [USERS[role] for role in roles if f"\n{USERS[role]}:" not in there]
    if not missing and not anew:
        return
    done = subprocess.run(["systemd-sysusers", SYSUSERS], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(
            f"systemd-sysusers {SYSUSERS}: {done.stderr.strip()}; add the users by hand, run this again"
        )
    if missing:
        place.did("users", " ".join(missing))
