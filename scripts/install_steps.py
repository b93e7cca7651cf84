"""The order of things: what is installed, started, taken back and removed, step by step."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import install_files as files
import install_release as releases
import install_service as services
import install_settings as settings
from install_calls import see_to_calls
from install_cloud import see_to_broker, still_default_broker
from install_machine import Machine, see_to_packages
from install_pip import has_pyaudio
from install_place import CURRENT, ETC, OPT, InstallError, Place
from install_source import find
from install_start import Started, start


def install(given: argparse.Namespace, folder: Path) -> None:
    """Install what is in `folder`, and see that it works. Raises InstallError."""
    place = Place(given.root)
    Machine.this(place).check()
    roles = _roles(place, given)
    source = find(folder)
    wheels = given.wheels or (folder / "wheels" if (folder / "wheels").is_dir() else None)
    if place.live and not given.offline:
        came = see_to_packages(place, roles, build=not has_pyaudio(wheels))
        if "mosquitto" in came:
            still_default_broker(place)
    name = releases.name_of(source, roles)
    releases.make(place, source, name, wheels, offline=given.offline)
    before = releases.current(place)
    releases.switch(place, name)
    if before != name:
        place.did("current", name + (f", before: {before}" if before else ""))
    laid = files.lay(place, roles)
    changed = _see_to_settings(place, given, roles)
    start(Started(place, roles, given), before, anew=laid or changed or before != name)
    releases.settle(place, before)
    place.say(
        "done", f"{place.changes} changes" if place.changes else f"nothing to do: {name} is as it should be"
    )


def update(given: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Have the installed release verify the bundle, which then installs itself. Returns its exit code."""
    device = Place(given.root).at(CURRENT) / "bin" / "overheard-device"
    if not device.exists():
        raise InstallError(f"{device}: not there, so nothing can verify an update; run scripts/install first")
    rest = [
        word for word in arguments if word not in ("--update", str(given.update), f"--update={given.update}")
    ]
    key = Place(given.root).at(ETC) / "release.key"
    command = [str(device), "update", str(given.update), "--key", str(key), *rest]
    return subprocess.run(command, check=False).returncode


def rollback(given: argparse.Namespace) -> None:
    """Go back to the release before, which becomes the one to come back to. Raises InstallError."""
    place = Place(given.root)
    now, to = releases.current(place), releases.previous(place)
    if to is None or now is None:
        raise InstallError(f"{OPT}: no release before this one is there; nothing was changed")
    releases.switch(place, to)
    place.did("current", f"{to}, before: {now}")
    roles = files.roles_there(place)
    files.lay(place, roles)
    start(Started(place, roles, given), now, anew=True)
    releases.settle(place, now)


def uninstall(given: argparse.Namespace) -> None:
    """Remove the program; with `purge` the settings, keys and what waits, too. Raises InstallError."""
    place = Place(given.root)
    Machine.this(place)._replace(free_bytes=1 << 40).check()
    kept = [path for path in (ETC, *files.STATES.values()) if place.at(path).exists()]
    if given.purge and kept and not given.yes and not _sure(kept):
        raise InstallError("--purge: not confirmed; nothing was removed. Say --yes to be asked no more")
    roles = files.roles_there(place)
    services.disable(place, roles)
    files.lift(place)
    if place.remove(OPT):
        place.did("releases", f"removes {OPT}")
    services.reload(place)
    for path in kept if given.purge else []:
        place.remove(path)
        place.did("purge", f"removes {path}")
    if kept and not given.purge:
        place.say("kept", f"{', '.join(kept)}: settings, keys, what waits; --purge removes them")
    place.say("kept", "the users overheard and overheard-cloud, and the packages of the system")
    place.say("done", f"{place.changes} changes" if place.changes else "nothing to do: nothing was installed")


def _roles(place: Place, given: argparse.Namespace) -> list[str]:
    """What is there already, and what was asked for; a speaker on a machine that has nothing."""
    there = set(files.roles_there(place))
    asked = {"cloud"} if given.cloud else {"speaker"} if given.speaker or not there else set()
    return sorted(there | asked, reverse=True)


def _see_to_settings(place: Place, given: argparse.Namespace, roles: Sequence[str]) -> bool:
    """Whether the unit may now call somebody else."""
    files.see_to_state(place, roles)
    if given.release_key:
        settings.pin(place, given.release_key)
    if "cloud" in roles:
        settings.write_cloud(place)
        see_to_broker(place, given.host)
    if "speaker" not in roles:
        return False
    settings.write_speaker(place, given)
    return see_to_calls(place)


def _sure(kept: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        return False
    print(f"This destroys {', '.join(kept)}: settings, keys, and what has not been sent.")
    return input("Type yes to go on: ").strip() == "yes"
