"""An arm64 Debian on a machine of another kind: made once into a cache, opened as if new every time.

A base is only ever read. What is done in a root lies in a layer over it, which the next opening throws away.
The mounts are made in a mount namespace that ends with this process, so that none is left behind, however it
ends. It never starts a service, and what runs in a root sees the network of this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Say = Callable[[str], None]

SUITES = {"bookworm": "3.11", "trixie": "3.13"}
"""The releases that are supported, and their Python."""

PACKAGES = "ca-certificates,procps,python3,systemd,systemd-sysv,udev"
"""What a Raspberry Pi OS Lite has; anything else is for `scripts/install` to bring."""

CPU = "cortex-a53"
"""What is emulated: a Zero 2 W's core. All that qemu 7.2 knows, its default, is more than a Pi has, and with
it the kernels of the wake word's interpreter compute something else: no score ever rises.
"""

_CORE = """\
processor\t: {number}
BogoMIPS\t: 38.40
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd03
CPU revision\t: 4

"""

_INSIDE = "OVERHEARD_ARM64_INSIDE"
_TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
_TRUSTED_INSIDE = "/etc/ssl/this-machine.crt"
_HANDED_ON = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
_NEEDED = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "qemu-aarch64-static": "qemu-user-static"}
_EMULATOR = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")


class RootError(Exception):
    """An arm64 root cannot be made or used; the message says which, and what to do."""


def alone(program: str) -> None:
    """Go on in namespaces that take every mount and every process along when this process ends.

    Raises:
        RootError: not root, or something that all of this needs is not installed.
    """
    if os.environ.pop(_INSIDE, None):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return
    if os.geteuid() != 0:
        raise RootError(f"{program}: mounts and chroot need root; run it with sudo")
    lacking = [package for name, package in _NEEDED.items() if shutil.which(name) is None]
    if lacking:
        raise RootError(f"{program}: not everything is here; apt install {' '.join(lacking)} binfmt-support")
    if os.uname().machine != "aarch64" and not _EMULATOR.exists():
        raise RootError(
            f"{program}: the kernel starts no arm64 program; update-binfmts --enable qemu-aarch64"
        )
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    os.environ[_INSIDE] = "yes"
    os.execvp(command[0], [*command, "--", sys.executable, *sys.argv])  # this very program


def base(cache: Path, suite: str) -> Path:
    """The base of a suite, made now if it is not in the cache. One that was begun is begun anew.

    Raises:
        RootError: it cannot be made; mmdebstrap's last words say why.
    """
    made, begun = cache / suite, cache / f"{suite}.part"
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(begun, ignore_errors=True)
        how = ["--variant=apt", "--architectures=arm64", f"--include={PACKAGES}"]
        command = ["nice", "mmdebstrap", *how, suite, str(begun)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise RootError(
                f"{begun}: mmdebstrap failed: {last_line(done.stderr)}; see that it reaches a mirror"
            )
        begun.rename(made)
    return made


class Root:
    """A base with a layer of its own over it, mounted; `fresh` begins with an empty one: a Debian as new.

    `path` is where this machine sees it. What tells of the processor tells of a Pi's: a library that found
    this machine's would crash, or leave out what it has for arm64.
    """

    def __init__(self, base_of_it: Path, layer: str, *, fresh: bool = True) -> None:
        over = base_of_it.with_name(f"{base_of_it.name}.{layer}")
        if fresh:
            shutil.rmtree(over, ignore_errors=True)
        upper, work, self.path = (over / name for name in ("upper", "work", "root"))
        for folder in (upper, work, self.path):
            folder.mkdir(parents=True, exist_ok=True)
        _mount(
            "-t",
            "overlay",
            "overlay",
            "-o",
            f"lowerdir={base_of_it},upperdir={upper},workdir={work}",
            self.path,
        )
        _mount("-t", "proc", "proc", self.path / "proc")
        _mount("--rbind", "/dev", self.path / "dev")
        for name in ("run", "tmp"):
            _mount("-t", "tmpfs", "tmpfs", self.path / name)
        self._pose(over)
        self._share(base_of_it.with_name("pip"), "root/.cache/pip")
        self._share(base_of_it.with_name(f"{base_of_it.name}.apt"), "var/cache/apt/archives")
        shutil.copy("/etc/resolv.conf", self.path / "etc" / "resolv.conf")
        (self.path / "etc" / "hosts").write_text("127.0.0.1 localhost\n", encoding="ascii")
        shutil.copy(_TRUSTED, self.path / _TRUSTED_INSIDE.lstrip("/"))

    def run(
        self, *command: str | Path, user: str = "root", log: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside and return what came of it; all that it said goes to `log`, too."""
        pipe, nothing, both = subprocess.PIPE, subprocess.DEVNULL, subprocess.STDOUT
        whole = self.command(command, user=user)
        done = subprocess.run(whole, stdin=nothing, stdout=pipe, stderr=both, text=True, check=False)
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"$ {' '.join(map(str, command))}\n{done.stdout}")
        return done

    def command(
        self, command: Sequence[str | Path], *, user: str = "root", more: Mapping[str, str] | None = None
    ) -> list[str]:
        """What this machine has to start so that the command runs inside, with `more` in its environment."""
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            "QEMU_CPU": CPU,
            "PIP_CERT": _TRUSTED_INSIDE,
            **{name: os.environ[name] for name in _HANDED_ON if name in os.environ},
            **(more or {}),
        }
        given = [f"{name}={value}" for name, value in variables.items()]
        chroot = ["nice", "chroot", f"--userspec={user}:{user}", str(self.path)]
        return [*chroot, "/usr/bin/env", "-i", *given, *map(str, command)]

    def inside(self, path: str) -> Path:
        """Where this machine sees a path of the root."""
        return self.path / path.lstrip("/")

    def _pose(self, over: Path) -> None:
        """Have /proc and /sys tell of the processor of a Zero 2 W, and of nothing else."""
        _mount("-t", "tmpfs", "tmpfs", self.path / "sys")
        cores = self.path / "sys" / "devices" / "system" / "cpu"
        cores.mkdir(parents=True)
        for name in ("possible", "present", "online"):
            (cores / name).write_text("0-3\n", encoding="ascii")
        told = over / "cpuinfo"
        told.write_text("".join(_CORE.format(number=number) for number in range(4)), encoding="ascii")
        _mount("--bind", told, self.path / "proc" / "cpuinfo")

    def _share(self, kept: Path, where: str) -> None:
        """Keep in the cache what was downloaded."""
        for folder in (kept, self.path / where):
            folder.mkdir(parents=True, exist_ok=True)
        _mount("--bind", kept, self.path / where)


def last_line(said: str) -> str:
    """The last line of what a program said that has something on it."""
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def _mount(*arguments: str | Path) -> None:
    done = subprocess.run(["mount", *arguments], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RootError(f"{arguments[-1]}: {last_line(done.stderr)}; a root needs overlay mounts")
