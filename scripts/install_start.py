"""Starts what was installed, waits until it is ready, and goes back to the release before when it is not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import install_files as files
import install_release as releases
from install_files import USERS
from install_place import SETTINGS, STATE, InstallError, NotReadyError, Place
from install_service import BESIDE, SERVICES, Services
from install_settings import settings

CLOUDS = f"sudo -u {USERS['cloud']} overheard-cloud devices"


class Job(NamedTuple):
    """One run of the installer: where, what was said, and the services there; none where no machine is."""

    place: Place
    given: argparse.Namespace
    services: Services | None


class Way(NamedTuple):
    """Where a release comes from: the one that worked, and the one that this had before it."""

    before: str | None
    before_that: str | None


def start(job: Job, roles: Sequence[str], way: Way, *, anew: bool) -> None:
    """Start the services, anew or where they do not run, and see that they are ready: then it is settled.

    Raises InstallError when they are not; then the release before is current and runs. Raises NotReadyError
    where there is none to go back to.
    """
    place, services = job.place, job.services
    if services is None:
        place.say("services", "not started: no machine")
        releases.settle(place)
        return
    off = services.enable([name for role in roles for name in (*BESIDE[role], *SERVICES[role])])
    if off:
        place.did("services", f"enables {' '.join(off)}")
    services.reload()
    if job.given.no_start:
        place.say("services", "not started, as you said")
        releases.tidy(place)
        return
    names = _that_can_run(place, services, roles)
    if not anew and all(services.is_active(name) for name in names):
        place.say("services", f"ready: {' '.join(names) or 'none of them can run yet'}")
        return
    _start_beside(place, services, roles)
    if why := services.restart(names, job.given.ready_s):
        raise _taken_back(job, roles, way, names, why)
    place.did("services", f"ready: {' '.join(names) or 'none of them can run yet'}")
    releases.settle(place)


def _start_beside(place: Place, services: Services, roles: Sequence[str]) -> None:
    """Put the firewall in force; say so where the kernel does not take it, for the speaker runs without."""
    if "speaker" not in roles:
        return
    if why := services.restart(["overheard-firewall"], 30.0):
        place.say("firewall", f"not in force: {why}")
    services.begin("overheard-calls.timer")


def _taken_back(job: Job, roles: Sequence[str], way: Way, names: Sequence[str], why: str) -> InstallError:
    """Go back to the release before, if there is one; says what became of it."""
    place, services = job.place, job.services
    if services is None or way.before is None or way.before == releases.current(place):
        look = f"sudo -u {USERS['speaker']} overheard-device doctor"
        if "speaker" not in roles:
            look = "sudo journalctl --unit overheard-cloud"
        return NotReadyError(f"{why}; see `{look}`, mend it, and run this again")
    releases.go_back(place, way.before, way.before_that)
    files.lay(place, roles)
    services.reload()
    again = services.restart(names, job.given.ready_s)
    return InstallError(f"{why}; went back to {way.before}, {'and ' + again if again else 'which is ready'}")


def _that_can_run(place: Place, services: Services, roles: Sequence[str]) -> list[str]:
    """Those of the services that can run now; says what has to be done for the others."""
    names = [name for role in roles for name in SERVICES[role]]
    if "speaker" not in roles:
        return names
    others = [name for name in names if name not in SERVICES["speaker"]]
    said = settings(place)
    if not said.get("cloud", {}).get("root"):
        place.say("next", f"name a cloud in {SETTINGS}, and run this again")
        return others
    if said.get("uplink", {}).get("ca") and not (place.at(STATE) / "tls.pem").exists():
        services.begin("overheard-provision")
        place.say(
            "next",
            "the speaker asks for its certificate, sudo journalctl -u overheard-provision says as whom; "
            f"approve it on the cloud's machine: {CLOUDS} list, then {CLOUDS} approve ovh-...",
        )
        return others
    return names
