"""Records a network end: every frame that the kernel sees there, to a pcapng, by a thread of its own."""

import os
import select
import socket
import struct
import threading
from pathlib import Path
from time import time_ns
from typing import NamedTuple

from lab.enclosure.pcapng_file import PcapngFile

_ETH_P_ALL = 3
_SOL_PACKET, _STATISTICS = 263, 6
_TIMESTAMPS = 35
_BUFFER = 64 << 20
_LONGEST = 65_550
_OUTGOING = 4


class Recorded(NamedTuple):
    """How many frames are in the file, and how many the kernel had to drop."""

    frames: int
    dropped: int


class Recorder:
    """Records the interface `end` of the namespace that it is made in, into `path`, until `stop`."""

    def __init__(self, end: str, path: Path) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        for option in (socket.SO_RCVBUF, 33):  # the second, SO_RCVBUFFORCE, is for root
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
            except OSError:
                continue
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        self._socket.bind((end, _ETH_P_ALL))
        self._socket.setblocking(False)
        self._file = PcapngFile(path, end)
        self._frames = 0
        self._ask, self._asked = os.pipe()
        self._thread = threading.Thread(target=self._record, name="recorder", daemon=True)
        self._thread.start()

    def stop(self) -> Recorded:
        """Take what has come, close the file, and say how much it was."""
        os.write(self._asked, b"x")
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        self._socket.close()
        os.close(self._ask)
        os.close(self._asked)
        self._file.close(self._frames + dropped, dropped, time_ns())
        return Recorded(self._frames, dropped)

    def _record(self) -> None:
        ready = select.poll()
        ready.register(self._socket, select.POLLIN)
        ready.register(self._ask, select.POLLIN)
        while True:
            which = {fd for fd, _ in ready.poll()}
            while self._take():
                pass
            if self._ask in which:
                return

    def _take(self) -> bool:
        """Take a frame, if there is one."""
        try:
            frame, ancillary, _, address = self._socket.recvmsg(_LONGEST, 64)
        except BlockingIOError:
            return False
        when = time_ns()
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == _TIMESTAMPS:
                seconds, nanoseconds = struct.unpack("qq", data[:16])
                when = seconds * 1_000_000_000 + nanoseconds
        self._file.write(frame, when, outbound=address[2] == _OUTGOING, length=len(frame))
        self._frames += 1
        return True
