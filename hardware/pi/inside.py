"""What a child does first. Little is imported here: a microphone is opened as fast as its child starts.

A child never outlives the thread that started it, whatever a library does in it then: whoever starts one
does so from a thread that lives as long as the firmware. And it ends by nothing else that firmware and child
are told together: Ctrl-C, or the end of a unit. While the firmware says goodbye it hears on, until killed.
"""

import ctypes
import fcntl
import json
import os
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1


def begin(arguments: list[str]) -> dict[str, Any]:
    """What a child does first: see to it that it dies with its parent, and by nobody else's wish.

    Returns what it was asked for.
    """
    ask, parent = arguments
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):  # it died before
        sys.exit(0)
    wish: dict[str, Any] = json.loads(ask)
    return wish


def take_over(descriptor: int) -> int:
    """Keep `descriptor` for ourselves: whatever libraries print to it goes where errors go. Returns ours."""
    ours = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.dup2(2, descriptor)
    return ours
