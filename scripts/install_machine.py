"""What a machine must be and have before anything is installed on it. It installs packages of the system's
own archive and nothing else, and only those that are missing.
"""

from __future__ import annotations

import os
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from install_place import InstallError, Place

ROOM_BYTES = 700_000_000
"""A release takes about 150 MB; there are three for a moment, and pip needs room to unpack."""

APT = {
    "any": ["python3-venv", "systemd"],
    "speaker": ["libportaudio2", "libusb-1.0-0", "nftables"],
    "cloud": ["mosquitto", "espeak-ng"],
}
TO_BUILD = ["portaudio19-dev", "python3-dev", "gcc", "libc6-dev"]
"""For PyAudio, which comes as source alone."""
PINS = ["python3-lgpio", "python3-spidev"]
"""Where the archive has them: on Python 3.13 lgpio has no wheel, and spidev has none at all."""


LISTS = "/var/lib/apt/lists"
"""Where apt keeps what the archive has."""


class Machine(NamedTuple):
    """What matters of a machine."""

    bits: int
    kind: str
    python: tuple[int, int]
    is_root: bool
    free_bytes: int

    @classmethod
    def this(cls, place: Place) -> Machine:
        """The one that this runs on; the room is where releases go."""
        folder = place.root
        for part in ("opt", "overheard"):
            folder = folder / part if (folder / part).is_dir() else folder
        return cls(
            struct.calcsize("P") * 8,
            platform.machine(),
            sys.version_info[:2],
            os.geteuid() == 0 or not place.live,
            shutil.disk_usage(folder).free,
        )

    def check(self) -> None:
        """Raise InstallError unless it will do."""
        if self.bits != 64 or self.kind not in {"aarch64", "x86_64"}:
            raise InstallError(
                f"this system: {self.bits} bits on {self.kind}; there are wheels for 64-bit systems alone: "
                "flash the 64-bit Raspberry Pi OS"
            )
        if self.python < (3, 11):
            raise InstallError(
                f"this system: Python {self.python[0]}.{self.python[1]}, older than 3.11; "
                "flash Raspberry Pi OS Bookworm or later"
            )
        if not self.is_root:
            raise InstallError("scripts/install: not root; run: sudo scripts/install")

    def check_room(self) -> None:
        """Raise InstallError unless there is room for another release."""
        if self.free_bytes < ROOM_BYTES:
            raise InstallError(
                f"this disk: {self.free_bytes // 1_000_000} MB free; make room: {ROOM_BYTES // 1_000_000}"
            )


def wanted(roles: Sequence[str], *, build: bool) -> list[str]:
    """The packages of the system that these roles need."""
    names = [name for role in ("any", *roles) for name in APT[role]]
    return names + (TO_BUILD if build and "speaker" in roles else [])


def see_to_packages(place: Place, roles: Sequence[str], *, build: bool) -> list[str]:
    """Install the packages that are missing, and return their names. Raises InstallError when apt cannot."""
    missing = [name for name in wanted(roles, build=build) if not installed(name)]
    pins = [name for name in PINS if "speaker" in roles and not installed(name)]
    if missing or (pins and not any(place.at(LISTS).glob("*_Packages*"))):
        _apt("update")  # before it, apt knows of nothing on a system that is new
    missing += [name for name in pins if in_archive(name)]
    if missing:
        place.did("packages", f"apt installs {' '.join(missing)}")
        _apt("install", "--yes", "--no-install-recommends", *missing)
    else:
        place.say("packages", "all there")
    return missing


def installed(name: str) -> bool:
    """Whether the system has the package."""
    asked = ["dpkg-query", "--show", "--showformat=${Status}", name]
    return _said(asked) == "install ok installed"


def in_archive(name: str) -> bool:
    """Whether apt could install the package."""
    return any(
        line.strip().startswith("Candidate:") and "(none)" not in line
        for line in _said(["apt-cache", "policy", name]).splitlines()
    )


def _said(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _apt(*arguments: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "--quiet", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise InstallError(
            f"apt-get {arguments[0]}: {' '.join(last)}; is there a network? then run this again"
        )


def base_python() -> Path:
    """The interpreter that virtual environments are made from: the system's own, which all users can read."""
    return Path(getattr(sys, "_base_executable", sys.executable))
