"""How a process is told to end: by a signal, or by the end of its parent. Neither is heeded in a handler."""

import os
import signal
import threading
from collections.abc import Callable


def at_signals(end: Callable[[], object]) -> None:
    """Call `end`, in a thread of its own, at the first SIGTERM or Ctrl-C. From the main thread.

    A handler runs wherever the main thread is, perhaps within a wait for the very event that is to be set,
    whose lock it holds then: it must not set it.
    """
    reading, writing = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(writing, b"."))
    _when_read(reading, end)


def with_parent(end: Callable[[], object]) -> None:
    """Call `end` when the standard input ends: then whoever started this is gone, however it went."""
    _when_read(0, end)


def _when_read(handle: int, end: Callable[[], object]) -> None:
    threading.Thread(target=lambda: (os.read(handle, 1), end()), daemon=True, name="ending").start()
