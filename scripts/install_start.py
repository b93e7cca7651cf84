"""Starts what was installed, waits until it is ready, and goes back to the release before when it is not."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from typing import NamedTuple

import install_files as files
import install_release as releases
import install_service as services
from install_place import RELEASES, SETTINGS, STATE, InstallError, Place
from install_settings import settings


class Started(NamedTuple):
    """What is to be started, and how."""

    place: Place
    roles: Sequence[str]
    given: argparse.Namespace


def start(this: Started, before: str | None, *, anew: bool) -> None:
    """Start the services, anew or where they do not run, and see that they are ready.

    Raises InstallError when they are not; then the release `before` is current and runs, if there is one.
    """
    place = this.place
    services.enable(place, this.roles)
    if this.given.no_start or not place.live:
        place.say(
            "services", "not started, as you said" if this.given.no_start else "not started: no machine"
        )
        return
    services.reload(place)
    names, next_step = _that_can_run(this)
    if next_step:
        place.say("next", next_step)
    if not anew and all(services.is_active(name) for name in names):
        place.say("services", f"ready: {' '.join(names) or 'none of them can run yet'}")
        return
    services.start_beside(place, this.roles)
    why = services.restart(names, this.given.ready_s)
    if why:
        raise InstallError(f"{why}; {_take_back(this, names, before)}")
    if names:
        place.did("services", f"ready: {' '.join(names)}")


def _take_back(this: Started, names: Sequence[str], before: str | None) -> str:
    """Go back to the release before, if there is one; says what became of it."""
    place = this.place
    failed = releases.current(place)
    if before is None or before == failed:
        return f"mend it, see `overheard-device doctor --config {SETTINGS}`, and run this again"
    releases.switch(place, before)
    files.lay(place, this.roles)
    services.reload(place)
    again = services.restart(names, this.given.ready_s)
    if failed != releases.previous(place):
        shutil.rmtree(place.at(RELEASES) / str(failed), ignore_errors=True)
    return f"went back to {before}, {'and ' + again if again else 'which is ready'}"


def _that_can_run(this: Started) -> tuple[list[str], str]:
    """Those of the services that can run now, and what has to be done for the others."""
    names = [name for role in this.roles for name in services.SERVICES[role]]
    if "speaker" not in this.roles:
        return names, ""
    others = [name for name in names if name not in services.SERVICES["speaker"]]
    said = settings(this.place)
    if not said.get("cloud", {}).get("root"):
        return others, f"name a cloud in {SETTINGS}, and run this again"
    if said.get("uplink", {}).get("ca") and not (this.place.at(STATE) / "tls.pem").exists():
        services.systemctl("start", "--no-block", "overheard-provision")
        return others, (
            "the speaker asks for its certificate, see journalctl -u overheard-provision; "
            "approve it on the cloud: overheard-cloud devices list"
        )
    return names, ""
