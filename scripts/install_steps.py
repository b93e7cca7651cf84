"""The order of things: what is installed, started and taken back, step by step."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import install_files as files
import install_release as releases
import install_settings as settings
from install_calls import broker, calls_of, write_calls
from install_cloud import see_to_broker, still_default_broker
from install_machine import Machine, see_to_packages
from install_pip import has_pyaudio
from install_place import CURRENT, ETC, OPT, RELEASES, InstallError, NoAddressError, Place
from install_source import find
from install_start import Job, Way, start


def install(job: Job, folder: Path) -> None:
    """Install what is in `folder`, and see that it works. Raises InstallError."""
    place, given = job.place, job.given
    machine = Machine.this(place)
    machine.check()
    roles = _roles(place, given)
    files.require_own_users(place, roles)
    with place.alone():
        name = _made(job, folder, roles, machine)
        _see_to_settings(place, given, roles, name)
        # What may be called is read before anything moves: settings that make no sense cost nothing.
        found = calls_of(place) if "speaker" in roles else None
        way, settled = _move(place, name)
        laid = files.lay(place, roles)
        if job.services and files.UDEV in laid:
            job.services.plugged()
        changed = write_calls(place, found) if found else False
        start(job, roles, way, anew=bool(laid) or changed or not settled)
    place.say("done", _sum(place, name))
    if found and not found.brokers:
        raise NoAddressError(
            f"the broker {broker(settings.settings(place))}: its name has no address now, and nobody may be "
            "called; overheard-calls.timer looks again every ten minutes, or run this again"
        )


def _made(job: Job, folder: Path, roles: Sequence[str], machine: Machine) -> str:
    """See that the release is there; returns its name. Raises InstallError."""
    place, given = job.place, job.given
    source = find(folder)
    wheels = given.wheels or (folder / "wheels" if (folder / "wheels").is_dir() else None)
    if place.live and not given.offline:
        came = see_to_packages(place, roles, build=not has_pyaudio(wheels))
        if "mosquitto" in came:
            still_default_broker(place)
    name = releases.name_of(source, roles)
    if not releases.is_there(place, name):
        machine.check_room()
    releases.make(place, source, name, wheels, offline=given.offline)
    return name


def _move(place: Place, name: str) -> tuple[Way, bool]:
    """Make the release current, unless it is and works; where it comes from, and whether that was so."""
    now, way = releases.current(place), Way(releases.good(place), releases.previous(place))
    if way.before == now == name:
        return way, True
    releases.switch(place, name, way.before)
    if now != name:
        place.did("current", name + (f", before: {now}" if now else ""))
    else:
        place.say("current", f"{name}, which was begun and has not been ready yet")
    return way, False


def update(given: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Have the installed release verify the bundle, which then installs itself. Returns its exit code."""
    device = Place(given.root).at(CURRENT) / "bin" / "overheard-device"
    if not device.exists():
        raise InstallError(f"{device}: not there, so nothing can verify an update; run scripts/install first")
    key = Place(given.root).at(ETC) / "release.key"
    command = [str(device), "update", str(given.update), "--key", str(key), *_without_update(arguments)]
    return subprocess.run(command, check=False).returncode


def _without_update(arguments: Sequence[str]) -> Iterator[str]:
    """What is left for the installer of the bundle: not the bundle, however its path was written."""
    words = iter(arguments)
    for word in words:
        if word == "--update":
            next(words)
        elif not word.startswith("--update="):
            yield word


def rollback(job: Job) -> None:
    """Go back to the release before, which becomes the one to come back to. Raises InstallError."""
    place = job.place
    Machine.this(place).check()
    with place.alone():
        now, to = releases.current(place), releases.previous(place)
        if to is None or now is None:
            raise InstallError(f"{OPT}: no release before this one is there; nothing was changed")
        roles = files.roles_there(place)
        if "speaker" in roles:
            settings.settings(place)
        way = Way(now if releases.is_ready(place, now) else None, to)
        releases.switch(place, to, now)
        place.did("current", f"{to}, before: {now}")
        files.lay(place, roles)
        start(job, roles, way, anew=True)


def _roles(place: Place, given: argparse.Namespace) -> list[str]:
    """What is there already, and what was asked for; a speaker on a machine that has nothing."""
    there = set(files.roles_there(place))
    asked = {"cloud"} if given.cloud else {"speaker"} if given.speaker or not there else set()
    return sorted(there | asked, reverse=True)


def _see_to_settings(place: Place, given: argparse.Namespace, roles: Sequence[str], name: str) -> None:
    """Users, folders and settings: made once, the same for whichever release. Raises InstallError."""
    release = place.at(RELEASES) / name
    if "speaker" in roles:
        releases.require_profile(place, name, given.profile)
    files.see_to_users(place, roles, release)
    files.see_to_state(place, roles)
    if given.release_key:
        settings.pin(place, given.release_key)
    if "cloud" in roles:
        settings.write_cloud(place)
        see_to_broker(place, release, given.host)
    if "speaker" in roles:
        settings.write_speaker(place, given)


def _sum(place: Place, name: str) -> str:
    """What came of it, in a line."""
    if place.left:
        return f"{place.changes} changes; not everything that you said was done: see above"
    return f"{place.changes} changes" if place.changes else f"nothing to do: {name} is as it should be"
