"""What is written outside of releases: units, users, rules and links. All of it is the current release's own,
so that going back to a release goes back to its units, too.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from install_place import (
    BROKER_NFT,
    CLOUD_STATE,
    CURRENT,
    DROP_INS,
    ETC,
    STATE,
    UNITS,
    InstallError,
    Owner,
    Place,
)

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
    File("speaker", "overheard-calls.service", f"{UNITS}/overheard-calls.service"),
    File("speaker", "overheard-calls.timer", f"{UNITS}/overheard-calls.timer"),
    File("cloud", "overheard-broker.service", f"{UNITS}/overheard-broker.service"),
    File("cloud", "overheard-cloud.service", f"{UNITS}/overheard-cloud.service"),
)

COMMANDS = {"speaker": ("overheard-device",), "cloud": ("overheard-cloud",)}
USERS = {"speaker": "overheard", "cloud": "overheard-cloud"}
FIRST_PERSON = 1000
"""Below are the system's own users, such as ours."""
STATES = {"speaker": STATE, "cloud": CLOUD_STATE}


def roles_there(place: Place) -> list[str]:
    """What is installed: `speaker`, `cloud`, both or nothing."""
    return [role for role, (command,) in COMMANDS.items() if place.at(f"{BIN}/{command}").is_symlink()]


def lay(place: Place, roles: Sequence[str]) -> list[str]:
    """Write what belongs to the current release; returns what was not so already."""
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
    return changed


def lift(place: Place) -> None:
    """Remove what `lay` wrote, and our drop-ins; an owner's own stay."""
    targets = [file.target for file in FILES] + [BROKER_NFT, *DROP_INS]
    targets += [f"{BIN}/{command}" for commands in COMMANDS.values() for command in commands]
    gone = [target for target in targets if place.remove(target)]
    if gone:
        place.did("files", f"removes {' '.join(gone)}")
    for folder in dict.fromkeys(str(Path(path).parent) for path in DROP_INS):
        there = place.at(folder)
        if there.is_dir() and any(there.iterdir()):
            place.say("kept", f"{folder}: {', '.join(sorted(each.name for each in there.iterdir()))}, yours")
        else:
            place.remove(folder)


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


def require_own_users(place: Place, roles: Sequence[str]) -> None:
    """Raise InstallError where a person has the name of one of our users, and would be the speaker."""
    numbers = _users(place)
    for user in (USERS[role] for role in roles):
        if numbers.get(user, 0) >= FIRST_PERSON:
            raise InstallError(
                f"the user {user}: a person's, number {numbers[user]}; this name is the speaker's own: "
                "give that account another one"
            )


def see_to_users(place: Place, roles: Sequence[str], release: Path) -> None:
    """Make the users that a release wants, before anything is to be theirs. Raises InstallError."""
    wanted = release / "source" / "systemd" / "overheard.sysusers.conf"
    missing = [USERS[role] for role in roles if USERS[role] not in _users(place)]
    there = place.at(SYSUSERS)
    if not place.live or not (missing or not there.is_file() or there.read_bytes() != wanted.read_bytes()):
        return
    done = subprocess.run(["systemd-sysusers", wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(
            f"systemd-sysusers {wanted}: {done.stderr.strip()}; add the users by hand, run this again"
        )
    if missing:
        place.did("users", " ".join(missing))


def _users(place: Place) -> dict[str, int]:
    """The numbers of the machine's own users."""
    passwd = place.at("/etc/passwd")
    lines = passwd.read_text(encoding="utf-8", errors="replace").splitlines() if passwd.exists() else []
    entries = [line.split(":") for line in lines]
    return {entry[0]: int(entry[2]) for entry in entries if len(entry) > 2 and entry[2].isdigit()}
