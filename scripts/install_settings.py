"""The settings of a speaker and of a cloud: written once, for the owner to change, never over others."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path

from install_files import USERS
from install_join import called, joined, read
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

PROFILE = "generic-usb"
HEAD = """\
# This speaker's settings: what differs from the defaults. `sudo -u overheard overheard-device doctor`
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
RELEASE_KEY_LINE = re.compile(rb"[!-*,-~]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\n")


def write_speaker(place: Place, given: argparse.Namespace) -> None:
    """Write speaker.toml, and the files that it names, unless it is there. Raises InstallError."""
    if place.at(SETTINGS).exists():
        _leave(place, given.profile)
        return
    text = HEAD.format(state=STATE, profile=json.dumps(given.profile or PROFILE))
    told = joined(given.join) if given.join else called(given)
    text += told.text
    try:
        tomllib.loads(text)
    except ValueError as error:
        raise InstallError(
            f"the settings would make no sense: {error}; look at what they come from"
        ) from error
    for files, owner in ((told.public, PUBLIC), (told.secret, SECRET)):
        for name, content in files.items():
            place.write(f"{ETC}/{name}", content, owner)
    place.write(SETTINGS, text.encode(), READABLE)
    place.did("settings", SETTINGS)


def _leave(place: Place, asked: str | None) -> None:
    """Say that the settings stay; and where another profile was asked for, that it is not that one."""
    said = settings(place).get("board", {}).get("profile", PROFILE)
    if asked in (None, said):
        place.say("settings", f"{SETTINGS} is there, and stays as it is")
        return
    quoted = json.dumps(said), json.dumps(asked)
    place.leave(
        "settings",
        f"{SETTINGS} stays as it is; it says profile {quoted[0]}, you said {quoted[1]}: change it there, and "
        "run sudo systemctl restart overheard-device",
    )


def write_cloud(place: Place) -> None:
    """Write cloud.toml unless it is there."""
    if not place.at(CLOUD_SETTINGS).exists():
        owner = Owner("root", USERS["cloud"], 0o640)
        place.write(CLOUD_SETTINGS, CLOUD.format(state=CLOUD_STATE).encode(), owner)
        place.did("settings", CLOUD_SETTINGS)


def pin(place: Place, key: Path) -> None:
    """Trust that release key, for ever: another one is not put in its place. Raises InstallError."""
    line = read(key).strip() + b"\n"
    if not RELEASE_KEY_LINE.fullmatch(line):
        raise InstallError(f"{key}: not a release key; take the .pub file that scripts/release made")
    there = place.at(RELEASE_KEY)
    if there.exists() and there.read_bytes() != line:
        raise InstallError(
            f"{RELEASE_KEY}: another key is trusted; if you mean to change it, delete that file first"
        )
    if place.write(RELEASE_KEY, line):
        place.did("release key", f"{line.decode().partition('+')[0]}, in {RELEASE_KEY}")


def settings(place: Place) -> dict[str, dict[str, object]]:
    """What stands in speaker.toml, table by table. Raises InstallError."""
    try:
        said = tomllib.loads(place.at(SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InstallError(f"{SETTINGS}: {error}; mend it, then run this again") from error
    for name, table in said.items():
        if not isinstance(table, dict):
            raise InstallError(f"{SETTINGS}: {name}: not a table; write [{name}], then run this again")
    return said
