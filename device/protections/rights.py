"""What the firmware may do: as whom, with which rights, and which ways of gaining more are closed."""

import ctypes
import mmap
import os
import signal
import socket
import stat
import subprocess
import sys
from errno import EAFNOSUPPORT, EPERM
from pathlib import Path

_REFUSED = 3
_TRACES_NOBODY = f"""
import ctypes, os
ctypes.CDLL(None, use_errno=True).ptrace(16, 0, 0, 0)
os._exit({_REFUSED} if ctypes.get_errno() == {EPERM} else 0)
"""
"""Process 0 is no process (ESRCH), where one may ask."""


def not_root() -> bool:
    """It is a user like any other."""
    return os.getuid() != 0 and os.geteuid() != 0


def _status(field: str) -> str:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith(f"{field}:")), "")


def no_new_privileges() -> bool:
    """No program that it starts can do more than it can."""
    return _status("NoNewPrivs") == "1"


def no_capabilities() -> bool:
    """Not one, and none that could still be had."""
    return all(int(_status(f"Cap{which}"), 16) == 0 for which in ("Eff", "Prm", "Inh", "Bnd", "Amb"))


def system_calls() -> bool:
    """A call that debuggers make, and the firmware never, is refused, or kills: so a child makes it."""
    command = [sys.executable, "-I", "-S", "-c", _TRACES_NOBODY]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=10).returncode
    return ended in {_REFUSED, -signal.SIGSYS}


def code() -> bool:
    """No memory that can be written and run."""
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except PermissionError:
        return True
    return False


def namespaces() -> bool:
    """Joining the namespace of no file is no error of the file, but not allowed at all."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.setns(-1, 0)) and ctypes.get_errno() == EPERM  # EBADF where it is allowed


def set_user_id() -> bool:
    """Nor is making nothing a program that runs as its owner."""
    try:
        os.chmod("", stat.S_ISUID)
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def sockets() -> bool:
    """No socket that sees packets: not that it wants a capability, their family is not there, for us."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return error.errno == EAFNOSUPPORT
    return False
