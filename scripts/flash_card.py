"""Whether a folder is the boot partition of a card, and how files get onto it. It never writes to a disk that
this machine runs from, nor to a block device.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from device.bundle import Manifest, receive

SYS = Path("/sys")
FOLDER = "overheard"
"""On the card, the folder of what is ours alone."""
BUNDLE = f"{FOLDER}/release.tar.gz"
BEFORE = ".before-overheard"
SHARED = ("user-data", "network-config", "meta-data", "cmdline.txt", "config.txt")
"""Files of the system that are changed; each is kept once, as it was."""


class FlashError(Exception):
    """One line: where, what, and what to do about it."""


def require_boot(boot: Path) -> None:
    """Raise FlashError unless `boot` is a Raspberry Pi OS's boot partition, and not this machine's."""
    if not boot.is_dir():
        device = boot.exists() and stat.S_ISBLK(boot.stat().st_mode)
        what = "a block device: mount its first partition, and name that folder" if device else "not a folder"
        raise FlashError(f"{boot}: {what}; nothing was written")
    if not all((boot / name).is_file() for name in ("config.txt", "cmdline.txt")):
        raise FlashError(
            f"{boot}: no boot partition of a Raspberry Pi OS, it lacks config.txt or cmdline.txt; "
            "write the system with Raspberry Pi Imager first, and mount its first partition"
        )
    real = boot.resolve()
    if real.is_relative_to("/boot"):
        raise FlashError(f"{boot}: what this machine boots from; use scripts/install here")
    if os.path.ismount(real):
        require_removable(boot, real.stat().st_dev, Path("/").stat().st_dev)


def require_removable(boot: Path, device: int, root: int, sys: Path = SYS) -> None:
    """Raise FlashError unless the disk of that device number can be taken out, and holds no root."""
    disk = disk_of(device, sys)
    if disk is None:
        raise FlashError(f"{boot}: on no disk of this machine; mount the card itself")
    if disk == disk_of(root, sys):
        raise FlashError(f"{boot}: on {disk.name}, which this machine runs from; mount the card")
    removable = (disk / "removable").is_file() and (disk / "removable").read_text().strip() == "1"
    if not (removable or disk.name.startswith("mmcblk") or "/usb" in str(disk)):
        raise FlashError(f"{boot}: on {disk.name}, which cannot be taken out; mount the card")


def disk_of(device: int, sys: Path) -> Path | None:
    """Where sysfs has the disk of a partition."""
    node = (sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").resolve()
    if not node.is_dir():
        return None
    return node.parent if (node / "partition").exists() else node


def style_of(boot: Path) -> str:
    """How this system is customised: Trixie's has cloud-init, whose files are on it from the start."""
    return "cloudinit-rpi" if (boot / "meta-data").exists() else "systemd"


def put(boot: Path, files: Mapping[str, bytes], bundle: Path, manifest: Manifest) -> None:
    """Write the release and the files, and say which; what is so already is left alone. Raises FlashError."""
    try:
        _put_bundle(boot, bundle, manifest)
        for old in (boot / FOLDER).glob("*/*"):  # such as a claim of the time before
            if str(old.relative_to(boot)) not in files:
                old.unlink()
        for name, content in files.items():
            _put(boot, name, content)
        os.sync()
    except OSError as error:
        raise FlashError(f"{boot}: {error.strerror}; the card is not finished, run this again") from error


def _put_bundle(boot: Path, bundle: Path, manifest: Manifest) -> None:
    """Through a folder of this machine, so that no archive is on the card but the one that the note names."""
    with tempfile.TemporaryDirectory() as room:
        archive = receive(bundle, manifest, Path(room) / "release.tar.gz")
        there = boot / BUNDLE
        if there.exists() and there.read_bytes() == archive.read_bytes():
            print(f"there:   {BUNDLE}")
            return
        there.parent.mkdir(exist_ok=True)
        shutil.copyfile(archive, there)
        print(f"written: {BUNDLE}")


def _put(boot: Path, name: str, content: bytes) -> None:
    there = boot / name
    if there.exists() and there.read_bytes() == content:
        print(f"there:   {name}")
        return
    before = there.with_name(there.name + BEFORE)
    if name in SHARED and there.exists() and not before.exists():
        shutil.copyfile(there, before)
    there.parent.mkdir(exist_ok=True)
    there.write_bytes(content)
    print(f"written: {name}")
