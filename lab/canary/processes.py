"""Whose memory is looked into: a process, all that it started, and all that those did. They are stopped while
somebody looks, so that what is read is of one moment, and go on afterwards.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.errors import RunError

_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_STANDS_WITHIN_S = 5.0
_LOOK_S = 0.002


@contextmanager
def foster_parent() -> Iterator[None]:
    """Whoever is orphaned below this process becomes its child, instead of slipping away to init."""
    before = ctypes.c_int()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, those that have ended and were not waited for left out."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (stat := _stat(int(folder.name))) is not None and stat[0] not in "ZX":
            below.setdefault(stat[1], []).append(int(folder.name))
    found, ask = [], [pid]
    while ask:
        children = below.get(ask.pop(), [])
        found += children
        ask += children
    return sorted(found)


@contextmanager
def frozen(others: set[int]) -> Iterator[list[int]]:
    """Stop all descendants of this process but those among `others`; give their ids; let them go on.

    Raises:
        RunError: one of them does not stand still.
    """
    stopped: list[int] = []
    try:
        while more := [pid for pid in descendants(os.getpid()) if pid not in others and pid not in stopped]:
            for pid in more:  # once more: they may have started others meanwhile
                stopped.append(pid)
                _send(pid, signal.SIGSTOP)
                _wait_until_it_stands(pid)
        yield [pid for pid in stopped if _stat(pid) is not None]
    finally:
        for pid in reversed(stopped):
            _send(pid, signal.SIGCONT)


def command(pid: int) -> str:
    """The command line of a process."""
    with suppress(OSError):
        parts = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return " ".join(os.fsdecode(part) for part in parts).strip()
    return ""


def has_open(pid: int, path: Path) -> bool:
    """Whether a process has that file open."""
    with suppress(OSError):
        wanted = path.stat()
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                status = os.stat(f"/proc/{pid}/fd/{descriptor}")
                if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    return False


def swapped_kb(pid: int) -> int:
    """How much of its memory is in swap."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmSwap:"):
                return int(line.split()[1])
    return 0


def _stat(pid: int) -> tuple[str, int] | None:
    """The state of a process, and its parent."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return state.decode(), int(parent)


def _wait_until_it_stands(pid: int) -> None:
    until = time.monotonic() + _STANDS_WITHIN_S
    while (stat := _stat(pid)) is not None and stat[0] not in "TtZX":
        if time.monotonic() > until:
            raise RunError(f"process {pid} ({command(pid)}) does not stand still; try again")
        time.sleep(_LOOK_S)


def _send(pid: int, what: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)
