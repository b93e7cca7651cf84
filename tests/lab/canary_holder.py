"""A process that holds what it is given to hold, in its memory or elsewhere, until it is killed.

python -m tests.lab.canary_holder WHERE FILE     the bytes of FILE; says so on standard output, then waits
"""

import os
import socket
import sys
from pathlib import Path


def hold(where: str, data: bytes) -> object:
    """Put it there."""
    if where == "memory":
        return bytearray(b"\1\2\3") + data  # at an odd place
    if where == "pipe":
        ends = os.pipe()
        os.write(ends[1], data)
        return ends
    if where == "socket":
        pair = socket.socketpair()
        pair[0].sendall(data)
        return pair
    if where == "memfd":
        file = os.memfd_create("kept")
        os.write(file, data)
        return file
    if where == "orphan":
        if os.fork():
            os._exit(0)
        return data
    raise ValueError(where)


def main(where: str, path: Path) -> None:
    """Hold it."""
    held = hold(where, path.read_bytes())
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sys.stdin.read()
    del held


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
