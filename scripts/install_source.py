"""What is installed: a checkout, or what is left of one in a release: wheel, pins, units, installer.

A source has a name that follows from its content, so that installing the same thing twice is seen to be so.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from install_pip import Pip
from install_place import InstallError

NAME = "RELEASE"
"""In the folder of a release, the file that says its name."""
CONSTRAINTS = "constraints.txt"
KEPT = (CONSTRAINTS, "systemd/*", "scripts/install", "scripts/install_*.py")
"""Besides the wheel, what a release keeps of a checkout."""
BUILT = ("pyproject.toml", "README.md", "LICENSE", "device", "hardware", "cloud_stub", "lab")
"""What the wheel is made from."""

_NAME = re.compile(r"[0-9]+(\.[0-9]+){0,3}-[0-9a-f]{8}")


class Source(NamedTuple):
    """A folder to install from."""

    folder: Path
    name: str
    """Version and a hash of the content, such as 0.1.0-0a1b2c3d."""

    @property
    def is_release(self) -> bool:
        """Whether there is a wheel already."""
        return (self.folder / NAME).exists()

    @property
    def wheel(self) -> Path:
        """The wheel of a release. Raises InstallError."""
        wheels = sorted(self.folder.glob("overheard-*.whl"))
        if len(wheels) != 1:
            raise InstallError(
                f"{self.folder}: {len(wheels)} wheels of overheard, not one; make it with scripts/release"
            )
        return wheels[0]


def find(folder: Path) -> Source:
    """The source in that folder. Raises InstallError where there is none."""
    try:
        if (folder / NAME).exists():
            name = (folder / NAME).read_text(encoding="ascii").strip()
        else:
            version = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"][
                "version"
            ]
            name = f"{version}-{_hash(folder)}"
    except (OSError, ValueError, KeyError) as error:
        raise InstallError(
            f"{folder}: neither a checkout nor a release ({error}); run its scripts/install"
        ) from error
    if not _NAME.fullmatch(name):
        raise InstallError(f"{folder}: a release named {name!r}; a name is like 0.1.0-0a1b2c3d")
    return Source(folder, name)


def gather(source: Source, into: Path, pip: Pip) -> None:
    """Write the folder of a release; of a checkout the wheel is built, for which pip fetches the builder."""
    into.mkdir(parents=True)
    kept = sorted(path for pattern in KEPT for path in source.folder.glob(pattern) if path.is_file())
    for path in kept:
        copy = into / path.relative_to(source.folder)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    if source.is_release:
        shutil.copy(source.wheel, into)
    else:
        pip.build(source.folder, into)
    (into / NAME).write_text(source.name + "\n", encoding="ascii")


def _hash(checkout: Path) -> str:
    """Of names and contents of all that goes into a release."""
    digest = hashlib.sha256()
    for path in sorted(_files(checkout)):
        digest.update(f"{path.relative_to(checkout)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _files(checkout: Path) -> Iterator[Path]:
    for pattern in (*KEPT, *BUILT):
        for path in checkout.glob(pattern):
            inside = path.rglob("*") if path.is_dir() else (path,)
            yield from (at for at in inside if at.is_file() and "__pycache__" not in at.parts)
