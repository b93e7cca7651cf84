"""Where things are, and how to say what was done. It writes below its root alone, and never half a file."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

OPT = "/opt/overheard"
RELEASES = f"{OPT}/releases"
CURRENT = f"{OPT}/current"
PREVIOUS = f"{OPT}/previous"
ETC = "/etc/overheard"
SETTINGS = f"{ETC}/speaker.toml"
CLOUD_SETTINGS = f"{ETC}/cloud.toml"
RELEASE_KEY = f"{ETC}/release.key"
BROKER_NFT = f"{ETC}/broker.nft"
STATE = "/var/lib/overheard"
CLOUD_STATE = "/var/lib/overheard-cloud"
UNITS = "/etc/systemd/system"
DROP_INS = tuple(f"{UNITS}/overheard-{unit}.service.d/broker.conf" for unit in ("device", "provision"))
"""Ours; what else lies in these folders is the owner's."""


class InstallError(Exception):
    """One line: where, what, and what to do about it."""

    exit_code = 1


class NotReadyError(InstallError):
    """It is installed and current, and does not work; trying again by itself would not help."""

    exit_code = 3


class NoAddressError(InstallError):
    """It is installed; the broker's name has no address, so that nobody may be called yet."""

    exit_code = 4


class Owner(NamedTuple):
    """Whose a file is, and who may read it."""

    user: str = "root"
    group: str = "root"
    mode: int = 0o644


PUBLIC = Owner()


class Place:
    """A machine (root `/`), or a folder that stands for one, where no service runs and no user is made."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.live = self.root == Path("/")
        self.changes = 0
        self.left = 0

    def at(self, path: str) -> Path:
        """Where `path` of the machine is."""
        return self.root / path.lstrip("/")

    def did(self, step: str, what: str) -> None:
        """Say a change in one line."""
        self.changes += 1
        self.say(step, what)

    def leave(self, step: str, what: str) -> None:
        """Say what was asked for and not done, in one line."""
        self.left += 1
        self.say(step, what)

    def say(self, step: str, what: str) -> None:
        """Say a line that is no change."""
        print(f"{step + ':':11} {what}", flush=True)

    def write(self, path: str, content: bytes, owner: Owner = PUBLIC) -> bool:
        """See that the file is there with that content, owner and mode; whether anything had to be done."""
        there = self.at(path)
        if there.is_file() and not there.is_symlink() and there.read_bytes() == content:
            return belong(there, owner, named=self.live)
        there.parent.mkdir(parents=True, exist_ok=True)
        draft = there.with_name(f".{there.name}.new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        belong(draft, owner, named=self.live)
        draft.replace(there)
        sync(there.parent)
        return True

    def folder(self, path: str, owner: Owner) -> bool:
        """See that the folder is there with that owner and mode; whether anything had to be done."""
        there = self.at(path)
        made = not there.is_dir()
        there.mkdir(parents=True, exist_ok=True)
        return belong(there, owner, named=self.live) or made

    def link(self, path: str, target: str) -> bool:
        """Point a symbolic link, in one step that cannot be seen half done; whether it pointed elsewhere."""
        there = self.at(path)
        if there.is_symlink() and os.readlink(there) == target:
            return False
        there.parent.mkdir(parents=True, exist_ok=True)
        draft = there.with_name(f".{there.name}.new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)
        draft.replace(there)
        sync(there.parent)
        return True

    def remove(self, path: str) -> bool:
        """See that nothing is there; whether there was."""
        there = self.at(path)
        if there.is_dir() and not there.is_symlink():
            shutil.rmtree(there)
            return True
        if there.is_symlink() or there.exists():
            there.unlink()
            return True
        return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other installer works here meanwhile. Raises InstallError where one does."""
        self.at(OPT).mkdir(parents=True, exist_ok=True)
        handle = os.open(self.at(OPT), os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InstallError(f"{OPT}: another installer is at work; wait until it has ended") from error
            yield
        finally:
            os.close(handle)


def belong(there: Path, owner: Owner, *, named: bool) -> bool:
    """See that the file has that mode, and if `named` that owner; whether anything had to be done."""
    found = there.stat()
    changed = found.st_mode & 0o7777 != owner.mode
    if changed:
        there.chmod(owner.mode)
    # Numbers, since a file's owner may have no name: one of another system, or of a user who is gone.
    if named and (found.st_uid, found.st_gid) != (numbers := _numbers(owner)):
        os.chown(there, *numbers)
        changed = True
    return changed


def _numbers(owner: Owner) -> tuple[int, int]:
    return pwd.getpwnam(owner.user).pw_uid, grp.getgrnam(owner.group).gr_gid


def sync(folder: Path) -> None:
    """Make what was renamed in the folder survive a power cut. As device.keys does, which nothing can import
    before it is installed.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
