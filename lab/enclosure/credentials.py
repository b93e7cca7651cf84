"""Certificates of one enclosure: its own authority, the broker's end, and the device's pair in its folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud_stub.authority import Authority, keep_key
from cloud_stub.private_files import private_directory
from device.certificate import PAIR
from device.keys import is_new, load_or_make, write_private
from device.mute import MuteMemory
from lab.enclosure.cable import LAB

_LIFE = timedelta(days=90)


def issue(folder: Path, state: Path, suite: str) -> tuple[Path, Path]:
    """Make the authority and the broker's pair in `folder`, and a pair for the device whose files are in
    `state`, which is made with `suite` if it is not there. Return the authority's and the broker's path.
    """
    private_directory(folder)
    now = datetime.now(UTC)
    authority = Authority(folder, "ca", now)
    first_run = is_new(state)
    device = load_or_make(state, suite).device
    MuteMemory(state, first_run=first_run)  # as provisioning does
    key = folder / "device.key"
    certificate = authority.issue_client(keep_key(key), device, now + _LIFE, now)
    write_private(state / PAIR, key.read_bytes() + certificate)
    key.unlink()
    own = folder / "line.pem"
    own_key = folder / "line.key"
    own_certificate = authority.issue_server(keep_key(own_key), [LAB], now + _LIFE, now)
    write_private(own, own_key.read_bytes() + own_certificate)
    own_key.unlink()
    return authority.path, own
