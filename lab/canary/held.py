"""What processes hold besides their memory: pipes, sockets and files that they have open. Nothing is taken
out of them.
"""

import ctypes
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from lab.canary.memory import Piece

_PIDFD_GETFD = 438  # on every architecture that Linux has
_NONBLOCK = 2  # SPLICE_F_NONBLOCK
_PIPE_BYTES = 1 << 20
_FILE_BYTES = 1 << 28


def open_things(pids: list[int], but: Path) -> tuple[list[Piece], list[str]]:
    """What is in the pipes, sockets and files that processes have open, each thing once; and the names of
    those that cannot be looked into. `but`: one that belongs to the laboratory.
    """
    pieces: dict[tuple[int, int], Piece] = {}
    closed: list[str] = []
    own = _identity(but)
    for pid, descriptor in _descriptors(pids):
        path = f"/proc/{pid}/fd/{descriptor}"
        identity = _identity(Path(path))
        if identity is None or identity == own or identity in pieces:
            continue
        name = os.readlink(path)
        data = _content(pid, descriptor, path)
        if data is None:
            closed.append(name)
        else:
            pieces[identity] = Piece(name, 0, data)
    return list(pieces.values()), sorted(set(closed))


def _descriptors(pids: list[int]) -> Iterator[tuple[int, int]]:
    for pid in pids:
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        yield from ((pid, int(name)) for name in names)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _content(pid: int, descriptor: int, path: str) -> bytes | None:
    """What is in it; empty for what can hold nothing."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                return file.read(_FILE_BYTES)
        if stat.S_ISFIFO(mode):
            return _in_pipe(path)
        if stat.S_ISSOCK(mode):
            return _in_socket(pid, descriptor)
    except OSError:
        return None
    return b"" if stat.S_ISCHR(mode) else None


def _in_pipe(path: str) -> bytes:
    """What waits in a pipe, by tee(2): it stays there."""
    source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    ours, into = os.pipe()
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copied = libc.tee(source, into, ctypes.c_size_t(_PIPE_BYTES), _NONBLOCK)
        return os.read(ours, copied) if copied > 0 else b""
    finally:
        for descriptor in (source, ours, into):
            os.close(descriptor)


def _in_socket(pid: int, descriptor: int) -> bytes | None:
    """What waits to be read from a socket, by looking; None where that is not allowed."""
    process = os.pidfd_open(pid)
    try:
        ours = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, descriptor, 0)
    finally:
        os.close(process)
    if ours < 0:
        return None
    with socket.socket(fileno=ours) as same:
        try:
            return same.recv(_PIPE_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (BlockingIOError, OSError):
            return b""
