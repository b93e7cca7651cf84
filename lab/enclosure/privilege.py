"""Who may make network namespaces: root, or anybody in a user namespace where the kernel lets them."""

import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from functools import cache

from lab.enclosure.cable import counters, lay
from lab.enclosure.errors import EnclosureError
from lab.enclosure.namespace import Namespace

_TRIED = "OVERHEARD_LAB_ENCLOSED"
_APART = ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
"""In a namespace of users and networks of one's own, as who one is (a broker would drop what root may), and
with all that can be done there.
"""


@cache
def missing() -> str | None:
    """Why nothing can be enclosed in this process, in one line; None if it can: a cable was laid to see."""
    if sys.platform != "linux":
        return "an enclosure is made of network namespaces, which only Linux has"
    if shutil.which("ip") is None:
        return "ip: not installed; apt install iproute2"
    try:
        with ExitStack() as stack:
            ends = [Namespace(), Namespace()]
            for end in ends:
                stack.callback(end.close)
            lay(*ends)
            ends[0].run(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
            ends[1].run(counters)
    except EnclosureError as error:
        return str(error)
    except OSError as error:
        return f"a cable can't be laid here: {error.strerror or error}; run it as root on a Linux of your own"
    return None


def become_able() -> None:
    """Return where something can be enclosed; else begin this very command again where it can.

    Raises:
        EnclosureError: neither is possible.
    """
    why = missing()
    if why is None:
        return
    if os.environ.get(_TRIED) or shutil.which("unshare") is None:
        raise EnclosureError(why)
    tried = subprocess.run([*_APART, "true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        raise EnclosureError(f"{why} (user namespaces: {tried.stderr.strip() or 'refused'})")
    os.environ[_TRIED] = "1"
    again = "import subprocess, sys; subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)"
    again += "; from lab.__main__ import main; main()"
    os.execvp(_APART[0], [*_APART, sys.executable, "-c", again, *sys.argv[1:]])  # noqa: S606 - this very program again
