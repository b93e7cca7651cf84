"""Network namespaces of single threads (Linux). A socket stays in the namespace in which it was made, and a
thread or process begins in that of who started it.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from lab.enclosure.errors import EnclosureError

_NEWNET = 0x40000000
_SELF = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


class Namespace:
    """A network with nothing in it; it is gone when nobody is in it any more and it is closed.

    Raises:
        EnclosureError: this needs root, or a user namespace.
    """

    def __init__(self) -> None:
        self.fd = in_thread(_new)

    def close(self) -> None:
        """Let it go."""
        os.close(self.fd)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is in it, and what it starts meanwhile."""
        home = os.open(_SELF, os.O_RDONLY)
        try:
            _enter(self.fd)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(home)

    def run(self, work: Callable[[], T]) -> T:
        """Do something inside, in a thread of its own; return or raise what it does."""

        def inside() -> T:
            _enter(self.fd)
            return work()

        return in_thread(inside)


def in_thread(work: Callable[[], T]) -> T:
    """Do something in a thread of its own, which may change what it likes about itself."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (raised again below, where it was asked for)
            errors.append(error)

    thread = threading.Thread(target=run, name="namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _new() -> int:
    if _libc.unshare(_NEWNET):
        why = os.strerror(ctypes.get_errno())
        raise EnclosureError(
            f"a network namespace: {why}; run it as root, or where user namespaces are allowed"
        )
    return os.open(_SELF, os.O_RDONLY)


def _enter(fd: int) -> None:
    if _libc.setns(fd, _NEWNET):
        raise EnclosureError(f"a network namespace: {os.strerror(ctypes.get_errno())}; run it as root")
