"""A process of ours that holds a sound device, because PortAudio can hang for ever on one that was lost: a
process can be killed, and then the kernel closes the device.

What it prints is kept in a pipe that takes 64 KB and no more: a lost device can print megabytes a second.
`inside` is the child's own side.
"""

import json
import os
import subprocess
import sys
from typing import Any

_DIES_WITHIN_S = 0.5
_PIPE_BYTES = 1 << 16


def command(module: str, ask: dict[str, Any]) -> list[str]:
    """What runs `module` in a child; `inside.begin` takes it apart there."""
    return [sys.executable, "-P", "-m", module, json.dumps(ask), str(os.getpid())]


def environment() -> dict[str, str]:
    """Ours, and what keeps libraries from starting a JACK server, or threads that nobody needs."""
    return os.environ | {"JACK_NO_START_SERVER": "1", "OPENBLAS_NUM_THREADS": "1"}


class Child:
    """The module `module`, run with `ask` for its argument. It reads `stdin` and writes `stdout`."""

    def __init__(self, module: str, ask: dict[str, Any], *, stdin: int, stdout: int) -> None:
        self._noise, noisy = os.pipe()
        os.set_blocking(noisy, False)  # when the pipe is full, what is printed is lost
        os.set_blocking(self._noise, False)
        try:
            self._process = subprocess.Popen(
                command(module, ask), stdin=stdin, stdout=stdout, stderr=noisy, env=environment()
            )
        except OSError:
            os.close(self._noise)
            raise
        finally:
            os.close(noisy)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def noise(self) -> str:
        """The last line that it printed since this was asked last; empty if there was none.

        It reads what the pipe holds, and once more: a child may print as fast as it is read, for ever.
        """
        said = b""
        try:
            for _ in range(2):
                said = os.read(self._noise, _PIPE_BYTES) or said
        except BlockingIOError:
            pass
        lines = said.decode(errors="replace").split("\n")
        whole = [line.strip() for line in lines if line.strip().isprintable() and line.strip()]
        return whole[-1][:200] if whole else ""

    @property
    def gone(self) -> bool:
        """Whether it has ended: then the kernel has closed all that it had open."""
        return self._process.poll() is not None

    def kill(self, within_s: float = _DIES_WITHIN_S) -> bool:
        """End it now. Return whether it is gone; a process that a driver holds fast may not be."""
        self._process.kill()
        if self._noise >= 0:
            os.close(self._noise)
            self._noise = -1
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True
