"""Whether what is installed in an environment is for arm64, file by file. It believes no file's name.

It reads; it installs and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAGIC, _CLASS_64 = b"\x7fELF", 2
_AARCH64 = 183  # EM_AARCH64, at offset 18 of an ELF header
_MACHINES = {3: "x86", 40: "arm", 62: "x86-64", 243: "RISC-V"}


class Found(NamedTuple):
    """What was looked at, and what is wrong with it, a line each."""

    binaries: int
    wheels: int
    wrong: list[str]


def examine(site: Path) -> Found:
    """Look at every file and every wheel's tag under a folder of packages."""
    machines = {path: machine for path in files(site) if (machine := elf_machine(path)) is not None}
    wrong = [
        f"{path.relative_to(site)}: made for {machine}, not for aarch64; a wheel of another machine is there"
        for path, machine in machines.items()
        if machine != "aarch64"
    ]
    tags = sorted(site.glob("*.dist-info/WHEEL"))
    for file in tags:
        wrong += [
            f"{file.parent.name}: its wheel is tagged {tag}; install the one for aarch64"
            for tag in foreign_tags(file.read_text(encoding="utf-8"))
        ]
    return Found(len(machines), len(tags), wrong)


def files(site: Path) -> Iterator[Path]:
    """Every file that is not only a link to one."""
    return (path for path in sorted(site.rglob("*")) if path.is_file() and not path.is_symlink())


def elf_machine(path: Path) -> str | None:
    """The machine that an ELF file is made for, or None if it is none."""
    with path.open("rb") as file:
        head = file.read(20)
    if len(head) < 20 or not head.startswith(_MAGIC):
        return None
    number = int.from_bytes(head[18:20], "little")
    if number == _AARCH64 and head[4] == _CLASS_64:
        return "aarch64"
    return _MACHINES.get(number, f"machine {number}")


def foreign_tags(wheel: str) -> list[str]:
    """The tags in the text of a WHEEL file that are neither for aarch64 nor for any machine."""
    tags = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")]
    return [tag for tag in tags if not tag.endswith(("-any", "_aarch64"))] if tags else ["nothing"]
