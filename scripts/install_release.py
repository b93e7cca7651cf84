"""Releases: each a virtual environment of its own under /opt/overheard/releases, and one that is current.

A release that was made is never changed. `current` moves in one step; `previous` is the one to go back to;
there is no third. What was interrupted leaves a current release without the mark `ready`, and the one before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from install_machine import base_python
from install_pip import Pip
from install_place import CURRENT, PREVIOUS, RELEASES, InstallError, Place, sync
from install_source import CONSTRAINTS, Source, find, gather

SOURCE = "source"
"""In a release, the folder that it was made from, its installer among it."""
WHOLE = "whole"
"""Written when all of a release is there."""
READY = "ready"
"""Written when all of a release that can run was seen to be ready, or where there is nothing to run it."""


EXTRAS = {"cloud": "cloud", "speaker": "pi"}
"""What else each role needs: the cloud its pages, a speaker its pins."""


def name_of(source: Source, roles: Sequence[str]) -> str:
    """The folder of a release: another one for another Python, and for roles that need more."""
    python = f"py{sys.version_info[0]}{sys.version_info[1]}"
    return "-".join([source.name, python, *(extra for role, extra in EXTRAS.items() if role in roles)])


def _extras(name: str) -> list[str]:
    return [extra for extra in EXTRAS.values() if extra in name.split("-")]


def make(place: Place, source: Source, name: str, wheels: Path | None, *, offline: bool) -> None:
    """Make the release unless it is there. Raises InstallError; then nothing of it is left."""
    release = place.at(RELEASES) / name
    if is_there(place, name):
        place.say("release", f"{name} is there")
        return
    place.did("release", f"makes {name}, which takes some minutes on a Pi")
    shutil.rmtree(release, ignore_errors=True)
    pip = Pip(release / "bin" / "python", wheels, offline)
    try:
        _environment(release, speaks=EXTRAS["speaker"] in _extras(name))
        gather(source, release / SOURCE, pip)
        made = find(release / SOURCE)
        pip.install(f"{made.wheel}[{','.join(_extras(name))}]", made.folder / CONSTRAINTS)
        os.sync()  # a power cut must not leave the mark without what it stands for
        (release / WHOLE).touch()
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise


def require_profile(place: Place, name: str, profile: str | None) -> None:
    """Raise InstallError unless the release knows that profile, or it is a file of the owner's own."""
    known = (place.at(RELEASES) / name).glob("lib/python3*/site-packages/hardware/profiles/*.toml")
    names = sorted(path.stem for path in known)
    if profile is not None and profile not in names and not ("/" in profile and Path(profile).is_file()):
        raise InstallError(f"--profile {profile}: there is none; say one of {', '.join(names)}")


def _environment(release: Path, *, speaks: bool) -> None:
    command = [str(base_python()), "-m", "venv", str(release)]
    if speaks:  # lgpio and spidev may be the system's alone, today or after its next package
        command.append("--system-site-packages")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise InstallError(f"python3 -m venv: {' '.join(last)}; install python3-venv")


def is_there(place: Place, name: str) -> bool:
    """Whether all of that release is there."""
    return (place.at(RELEASES) / name / WHOLE).exists()


def is_ready(place: Place, name: str) -> bool:
    """Whether that release was once seen to work, and nothing was begun with it since."""
    return (place.at(RELEASES) / name / READY).exists()


def current(place: Place) -> str | None:
    """The release that runs, if there is one."""
    return _pointed(place, CURRENT)


def previous(place: Place) -> str | None:
    """The release before."""
    before = _pointed(place, PREVIOUS)
    return before if before != current(place) else None


def good(place: Place) -> str | None:
    """The release that works: the current one, or the one before where the current one was never ready."""
    both = (current(place), previous(place))
    return next((name for name in both if name and is_ready(place, name)), None)


def switch(place: Place, name: str, before: str | None) -> None:
    """Make the release current, and `before` the one to go back to. Whoever looks sees the one or the other.

    It counts as not ready until `settle`; so whatever ends us in between, the next run does the rest.
    """
    (place.at(RELEASES) / name / READY).unlink(missing_ok=True)
    if before not in (None, name):
        place.link(PREVIOUS, f"releases/{before}")
    place.link(CURRENT, f"releases/{name}")


def go_back(place: Place, name: str, previous_one: str | None) -> None:
    """Undo `switch`: `name` is current again, as ready as it was, and has the release before that it had."""
    place.link(CURRENT, f"releases/{name}")
    if previous_one not in (None, name):
        place.link(PREVIOUS, f"releases/{previous_one}")
    tidy(place)


def settle(place: Place) -> None:
    """The current release works."""
    release = place.at(CURRENT).resolve()
    if not (release / READY).exists():
        (release / READY).touch()
        sync(release)
    tidy(place)


def tidy(place: Place) -> None:
    """Keep the current release and the one before, and no other."""
    kept = {current(place), previous(place)}
    for release in place.at(RELEASES).iterdir():
        if release.name not in kept:
            (release / WHOLE).unlink(missing_ok=True)  # half of it would pass for all of it
            shutil.rmtree(release)


def _pointed(place: Place, link: str) -> str | None:
    path = place.at(link)
    return path.readlink().name if path.is_symlink() and (path / WHOLE).exists() else None
