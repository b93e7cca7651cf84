"""Whether a folder is the boot partition of a card, and how files get onto it. It never writes to a disk that
this machine runs from, nor to a block device.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from device.bundle import Manifest, receive

SYS = Path("/sys")
FOLDER = "overheard"
"""On the card, the folder of what is ours alone."""
BUNDLE = f"{FOLDER}/release.tar.gz"
BEFORE = ".before-overheard"
DRAFT = ".draft-overheard"
WHOLE = ("user-data", "network-config", "meta-data", "firstrun.sh")
"""Files of the system that are written anew. Each is kept once, as it was, and comes back when ours goes."""
EDITED = ("cmdline.txt", "config.txt")
"""Files of the system that are changed as they are now, for the system and its owner change them, too."""
OURS = b"Written by scripts/flash"
"""Stands in each of ours that is whole."""


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
    """Write the release and the files, and say which; what is so already is left alone. Raises FlashError.

    A file is on the card whole or not at all, and so is the one that it replaces.
    """
    try:
        _clear(boot, {*files, BUNDLE})
        _put_bundle(boot, bundle, manifest)
        for name, content in files.items():
            _put(boot, name, content)
        os.sync()
    except OSError as error:
        raise FlashError(f"{boot}: {error.strerror}; the card is not finished, run this again") from error


def _clear(boot: Path, wanted: Collection[str]) -> None:
    """Take away what is ours and not wanted any more, such as a claim or a Wi-Fi of the time before."""
    ours = [path for path in (boot / FOLDER).rglob("*") if path.is_file()]
    for old in [*boot.glob(f"*{DRAFT}"), *ours]:
        if str(old.relative_to(boot)) not in wanted:
            old.unlink()
    for name in WHOLE:
        there = boot / name
        if name not in wanted and _is_ours(there):
            before = _before(there)
            before.replace(there) if before.exists() else there.unlink()
            print(f"removed: {name}")


def _put_bundle(boot: Path, bundle: Path, manifest: Manifest) -> None:
    """Through a folder of this machine, so that no archive is on the card but the one that the note names."""
    with tempfile.TemporaryDirectory() as room:
        archive = receive(bundle, manifest, Path(room) / "release.tar.gz")
        _put(boot, BUNDLE, archive.read_bytes())


def _put(boot: Path, name: str, content: bytes) -> None:
    there = boot / name
    if there.exists() and there.read_bytes() == content:
        print(f"there:   {name}")
        return
    before = _before(there)
    if name in (*WHOLE, *EDITED) and there.exists() and not before.exists() and not _is_ours(there):
        _write(before, there.read_bytes())
    there.parent.mkdir(parents=True, exist_ok=True)
    _write(there, content)
    print(f"written: {name}")


def _write(there: Path, content: bytes) -> None:
    """Whole or not at all: a card may be pulled out at any moment."""
    draft = there.with_name(there.name + DRAFT)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(there)


def _is_ours(there: Path) -> bool:
    return there.is_file() and OURS in there.read_bytes()


def _before(there: Path) -> Path:
    return there.with_name(there.name + BEFORE)
