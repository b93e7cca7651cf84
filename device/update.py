"""An update that a person brought: verified by the release that is installed, then its own installer runs.

Nothing here looks for updates, and no message from the network reaches it. What the installer does, and how
it goes back when the new release does not become ready, is in scripts/install.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from device import bundle as release
from device.errors import UpdateError

INSTALLER = Path("scripts") / "install"


def verified(bundle: Path, key: Path, room: Path, *, allow_older: bool) -> Path:
    """The folder, in `room`, of what is in the bundle. `room` is empty, and nobody else can write there.

    Raises UpdateError when the bundle is not signed by `key`, altered, older, or no release.
    """
    manifest = release.read_note(bundle, release.read_key(key))
    release.require_newer(manifest, version("overheard"), allow_older=allow_older)
    archive = release.receive(bundle, manifest, room / "release.tar.gz")
    folder = room / "release"
    folder.mkdir()
    release.unpack(archive, folder)
    archive.unlink()
    if not (folder / INSTALLER).is_file():
        raise UpdateError(
            f"{bundle}: signed, but no release: it has no {INSTALLER}; make it with scripts/release"
        )
    return folder


def update(
    bundle: Path, key: Path, say: Callable[[str], None], *, allow_older: bool, arguments: Sequence[str] = ()
) -> int:
    """Verify the bundle, and run its installer with `arguments`; returns that one's own exit code.

    Raises UpdateError when the bundle is refused: then nothing was changed.
    """
    with tempfile.TemporaryDirectory(prefix="overheard-update-", dir=_room()) as room:
        folder = verified(bundle, key, Path(room), allow_older=allow_older)
        age = "of whichever age, as you said" if allow_older else "not older"
        say(f"{bundle.name}: signed by the release key, whole, and {age}")
        python = Path(sys.base_prefix) / "bin" / "python3"
        return subprocess.run([python, folder / INSTALLER, *arguments], check=False).returncode


def _room() -> Path:
    """Where there is room for a release: not in memory, as /tmp may be."""
    disk = "/var/tmp"  # noqa: S108, in it TemporaryDirectory makes a folder that is root's alone
    return Path(disk if os.path.isdir(disk) else tempfile.gettempdir())
