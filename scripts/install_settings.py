"""The settings of a speaker and of a cloud: written once, for the owner to change, never over others."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path

from install_files import USERS
from install_place import (
    CLOUD_SETTINGS,
    CLOUD_STATE,
    ETC,
    PUBLIC,
    RELEASE_KEY,
    SETTINGS,
    STATE,
    InstallError,
    Owner,
    Place,
)

HEAD = """\
# This speaker's settings: what differs from the defaults. `overheard-device doctor --config {settings}`
# says what is wrong with them. After a change: sudo systemctl restart overheard-device
# After another broker: sudo /opt/overheard/current/source/scripts/install, which lets the unit call it.
[device]
state_dir = "{state}"

[board]
name = "pi"
profile = {profile}
"""
CLOUD = """\
# The cloud's settings: what differs from the defaults.
[storage]
directory = "{state}"

[broker]
kind = "none"                     # overheard-broker.service
tls = true
port = 8883
"""

READABLE = Owner("root", USERS["speaker"], 0o640)
SECRET = Owner(USERS["speaker"], USERS["speaker"], 0o600)
"""A key that others may read, its group included, is refused by the firmware."""


def write_speaker(place: Place, given: argparse.Namespace) -> None:
    """Write speaker.toml, and the files that it names, unless it is there. Raises InstallError."""
    if place.at(SETTINGS).exists():
        place.say("settings", f"{SETTINGS} is there, and stays as it is")
        return
    text = HEAD.format(settings=SETTINGS, state=STATE, profile=json.dumps(given.profile))
    text += _joined(place, given.join) if given.join else _called(place, given)
    place.write(SETTINGS, text.encode(), READABLE)
    place.did("settings", SETTINGS)


def write_cloud(place: Place) -> None:
    """Write cloud.toml unless it is there."""
    if not place.at(CLOUD_SETTINGS).exists():
        owner = Owner("root", USERS["cloud"], 0o640)
        place.write(CLOUD_SETTINGS, CLOUD.format(state=CLOUD_STATE).encode(), owner)
        place.did("settings", CLOUD_SETTINGS)


def pin(place: Place, key: Path) -> None:
    """Trust that release key, for ever: another one is not put in its place. Raises InstallError."""
    line = key.read_bytes().strip() + b"\n"
    there = place.at(RELEASE_KEY)
    if there.exists() and there.read_bytes() != line:
        raise InstallError(
            f"{RELEASE_KEY}: another key is trusted; if you mean to change it, delete that file first"
        )
    if place.write(RELEASE_KEY, line):
        place.did("release key", f"{line.decode().partition('+')[0]}, in {RELEASE_KEY}")


def settings(place: Place) -> dict[str, dict[str, object]]:
    """What stands in speaker.toml. Raises InstallError."""
    try:
        return tomllib.loads(place.at(SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InstallError(f"{SETTINGS}: {error}; mend it, then run this again") from error


def _joined(place: Place, folder: Path) -> str:
    """The folder for-a-new-speaker of `overheard-cloud broker init`."""
    try:
        text = (folder / "speaker.toml").read_text(encoding="utf-8")
        tomllib.loads(text)
        for name, owner in (("ca.crt", PUBLIC), ("claim.crt", PUBLIC), ("claim.key", SECRET)):
            place.write(f"{ETC}/{name}", (folder / name).read_bytes(), owner)
    except (OSError, ValueError) as error:
        raise InstallError(
            f"{folder}: {error}; copy for-a-new-speaker of the cloud's broker folder, whole"
        ) from error
    return "\n" + "".join(line for line in text.splitlines(True) if not line.startswith("#"))


def _called(place: Place, given: argparse.Namespace) -> str:
    if not given.broker:
        return "\n# [uplink], [provision], [cloud]: as in your cloud's for-a-new-speaker/speaker.toml\n"
    host, colon, port = given.broker.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise InstallError(f"--broker {given.broker}: not HOST:PORT; say for example 192.168.1.5:8883")
    text = f"\n[uplink]\nhost = {json.dumps(host.strip('[]'))}\nport = {port}\n"
    if given.ca:
        place.write(f"{ETC}/ca.crt", given.ca.read_bytes())
        text += 'ca = "ca.crt"\n'
    if given.claim:
        place.write(f"{ETC}/claim.crt", given.claim.read_bytes())
        place.write(f"{ETC}/claim.key", given.claim_key.read_bytes(), SECRET)
        text += '\n[provision]\nclaim = "claim.crt"\nclaim_key = "claim.key"\n'
    if given.cloud_root:
        text += f"\n[cloud]\nroot = {json.dumps(given.cloud_root)}\n"
    return text
