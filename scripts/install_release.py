"""Releases: each a virtual environment of its own under /opt/overheard/releases, and one that is current.

A release that was made is never changed. `current` moves in one step; `previous` is the one to go back to;
there is no third.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from install_machine import base_python
from install_pip import Pip
from install_place import CURRENT, PREVIOUS, RELEASES, InstallError, Place
from install_source import CONSTRAINTS, Source, find, gather

SOURCE = "source"
"""In a release, the folder that it was made from, its installer among it."""
WHOLE = "whole"
"""Written when all of a release is there."""


def name_of(source: Source, roles: Sequence[str]) -> str:
    """The folder of a release: another one for another Python, and for a speaker, which needs more."""
    python = f"py{sys.version_info[0]}{sys.version_info[1]}"
    return f"{source.name}-{python}" + ("-pi" if "speaker" in roles else "")


def make(place: Place, source: Source, name: str, wheels: Path | None, *, offline: bool) -> None:
    """Make the release unless it is there. Raises InstallError; then nothing of it is left."""
    release = place.at(RELEASES) / name
    if (release / WHOLE).exists():
        place.say("release", f"{name} is there")
        return
    place.did("release", f"makes {name}, which takes some minutes on a Pi")
    shutil.rmtree(release, ignore_errors=True)
    pip = Pip(release / "bin" / "python", wheels, offline)
    try:
        _environment(release)
        gather(source, release / SOURCE, pip)
        made = find(release / SOURCE)
        pip.install(f"{made.wheel}{'[pi]' if name.endswith('-pi') else ''}", made.folder / CONSTRAINTS)
        os.sync()  # a power cut must not leave the mark without what it stands for
        (release / WHOLE).touch()
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise


def _environment(release: Path) -> None:
    command = [str(base_python()), "-m", "venv", str(release)]
    if any(importlib.util.find_spec(name) for name in ("lgpio", "spidev")):  # the system's, without wheels
        command.append("--system-site-packages")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise InstallError(f"python3 -m venv: {' '.join(last)}; install python3-venv")


def current(place: Place) -> str | None:
    """The release that runs, if there is one."""
    return _pointed(place, CURRENT)


def previous(place: Place) -> str | None:
    """The release before."""
    return _pointed(place, PREVIOUS)


def switch(place: Place, name: str) -> None:
    """Make the release current. Whoever looks sees the one or the other."""
    place.link(CURRENT, f"releases/{name}")


def settle(place: Place, before: str | None) -> None:
    """The current release is good: `before` is what to go back to, and no other is kept."""
    if before is not None and before != current(place):
        place.link(PREVIOUS, f"releases/{before}")
    kept = {current(place), previous(place)}
    for release in place.at(RELEASES).iterdir():
        if release.name not in kept:
            shutil.rmtree(release)


def _pointed(place: Place, link: str) -> str | None:
    path = place.at(link)
    return path.readlink().name if path.is_symlink() and (path / WHOLE).exists() else None
