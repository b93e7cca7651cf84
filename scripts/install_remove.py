"""Removes the program, and what is the owner's only where the owner says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext

import install_files as files
from install_machine import Machine
from install_place import ETC, OPT, InstallError, Place
from install_service import BESIDE, SERVICES
from install_start import Job

CREDENTIALS = "/etc/credstore"
"""Where an owner may have put keys that were made elsewhere."""


def uninstall(job: Job) -> None:
    """Remove the program; with `purge` the settings, keys and what waits, too. Raises InstallError."""
    place, given = job.place, job.given
    Machine.this(place).check()
    kept = _owners(place)
    if given.purge and kept and not given.yes and not _sure(kept):
        raise InstallError("--purge: not confirmed; nothing was removed. Say --yes to be asked no more")
    with place.alone() if place.at(OPT).exists() else nullcontext():
        _remove(job, kept if given.purge else [])
    if kept and not given.purge:
        place.say("kept", f"{', '.join(kept)}: settings, keys, what waits; --purge removes them")
    place.say("kept", "the users overheard and overheard-cloud, and the packages of the system")
    place.say("done", f"{place.changes} changes" if place.changes else "nothing to do: nothing was installed")


def _owners(place: Place) -> list[str]:
    """What is there of settings, keys and recordings, the speaker's and the cloud's."""
    credentials = sorted(place.at(CREDENTIALS).glob("overheard.*.key"))
    paths = (ETC, *files.STATES.values(), *(f"{CREDENTIALS}/{path.name}" for path in credentials))
    return [path for path in paths if place.at(path).exists()]


def _remove(job: Job, purged: Sequence[str]) -> None:
    """Programs, units and rules, what is purged, and at last the folder by which other installers wait."""
    place = job.place
    roles = files.roles_there(place)
    if job.services and roles:
        job.services.disable([name for role in roles for name in (*BESIDE[role], *SERVICES[role])])
    files.lift(place)
    if job.services:
        job.services.reload()
    for path in purged:
        place.remove(path)
        place.did("purge", f"removes {path}")
    if place.remove(OPT):
        place.did("releases", f"removes {OPT}")


def _sure(kept: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        return False
    print(f"This destroys {', '.join(kept)}: settings, keys, and what has not been sent.")
    return input("Type yes to go on: ").strip() == "yes"
