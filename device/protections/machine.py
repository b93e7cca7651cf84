"""What the firmware can reach of its machine: files, devices, other processes, memory. It looks, and opens
nothing.
"""

import os
import resource
import stat
from pathlib import Path

_PLAIN = {"null", "zero", "full", "random", "urandom", "tty", "ptmx"}
"""What DevicePolicy=closed leaves open; beside terminals, in a folder of their own."""

_AUDIO, _USB = 116, 189
"""Majors of what our unit opens and everybody may read. Nobody but their groups may open pins and SPI."""


def _read_only(*paths: str) -> bool:
    return all(os.statvfs(path).f_flag & os.ST_RDONLY for path in paths)


def files() -> bool:
    """Programs and settings cannot be changed."""
    return _read_only("/", "/usr", "/etc")


def kernel() -> bool:
    """Nor can the kernel's settings, and who is in which control group."""
    return _read_only("/proc/sys", "/sys/fs/cgroup")


def home() -> bool:
    """Nobody's own files can be listed."""
    try:
        os.listdir("/home")
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def tmp() -> bool:
    """A folder of its own lies over /tmp: the fourth word of its mount is where that really is."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    return any(mount[4] == "/tmp" and "systemd-private-" in mount[3] for mount in mounts)  # noqa: S108, only named


def processes() -> bool:
    """Others' are hidden: the first of all processes is not there."""
    return not Path("/proc/1").exists()


def devices() -> bool:
    """There are device nodes that everybody may open, and not one that it may. Nothing is opened."""
    folders = [(folder, names) for folder, _, names in os.walk("/dev") if folder != "/dev/pts"]
    nodes = [Path(folder) / name for folder, names in folders for name in names if name not in _PLAIN]
    asked = [node for node in nodes if _open_to_all(node)]
    return bool(asked) and not any(os.access(node, os.R_OK) for node in asked)


def _open_to_all(node: Path) -> bool:
    try:
        found = node.lstat()
    except FileNotFoundError:
        return False  # gone meanwhile: /dev/shm comes and goes, and so does what is plugged in
    device = stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) not in {_AUDIO, _USB}
    return device and bool(found.st_mode & stat.S_IROTH)


def memory() -> bool:
    """A limit that counts: MemoryMax= does not where the kernel was started without that controller."""
    if resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY:
        return True
    group = Path("/proc/self/cgroup").read_text(encoding="utf-8").rpartition("0::")[2].strip()
    limit = Path(f"/sys/fs/cgroup{group}/memory.max")
    return limit.exists() and limit.read_text(encoding="utf-8").strip() != "max"
