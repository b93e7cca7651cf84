"""What systemd is told of the cloud: ready, alive, stopping. It tells nobody else, and waits for nobody.

The device has such a module of its own (device/service.py): the two ends share the wire format, and no more.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress

from cloud_stub.cloud import TICK_S, Cloud


def notify(*lines: str) -> bool:
    """Tell systemd, if it started this process and asked. Whether there is nobody to tell, or it was told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return True
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.sendto("\n".join(lines).encode(), "\0" + address[1:] if address[0] == "@" else address)
        return True
    return False


def watch_over(cloud: Cloud, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Return when `cloud` is over. Until then: it is ready once devices are heard, and alive for as long as
    its ticks end, which a message that is stuck keeps from ending, and no answer is stuck. meanwhile:
    done every second.
    """
    ticks, ready = cloud.ticks, False
    while not cloud.over.wait(TICK_S):
        meanwhile()
        if cloud.up.is_set() and not ready:
            ready = notify("READY=1", "STATUS=at the broker")
        if cloud.ticks != ticks and not cloud.stuck:
            ticks = cloud.ticks
            notify("WATCHDOG=1")
    notify("STOPPING=1")
