"""The broker of a new cloud: its certificates and rules, made once, as the cloud's own user."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from install_files import USERS
from install_place import CLOUD_SETTINGS, CLOUD_STATE, InstallError, Place
from install_service import systemctl

BROKER = f"{CLOUD_STATE}/broker"


def see_to_broker(place: Place, release: Path, hosts: Sequence[str] | None) -> None:
    """Run the release's `overheard-cloud broker init`, unless that was done. Raises InstallError."""
    if not place.live or place.at(f"{BROKER}/mosquitto.conf").exists():
        return
    called = [word for host in hosts or _own_names() for word in ("--host", host)]
    command = [
        str(release / "bin" / "overheard-cloud"),
        "broker",
        "init",
        "--config",
        CLOUD_SETTINGS,
        *called,
    ]
    done = subprocess.run(
        ["runuser", "-u", USERS["cloud"], "--", *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InstallError(f"overheard-cloud broker init: {done.stderr.strip()}; mend it, run this again")
    place.did("broker", f"{BROKER}; what a new speaker needs is in {BROKER}/for-a-new-speaker")


def still_default_broker(place: Place) -> None:
    """The package starts a broker of its own, without TLS, which is nobody's here."""
    systemctl("disable", "--now", "mosquitto")
    place.did("broker", "stops mosquitto.service, which came with the package; ours is overheard-broker")


def _own_names() -> list[str]:
    """What this machine is called here: by name on the local network, and its addresses."""
    said = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout
    return [f"{socket.gethostname()}.local", *said.split()]
