"""The listening side of a benchmark: sound comes in on stdin, what was heard goes out on stdout.

A request is a line, `fresh BYTES` or `on BYTES`, and that many bytes of s16le mono 16 kHz: another stream of
sound, or the continuation of the last one. The answer is a line of JSON: what was heard, the CPU seconds
that hearing it took (of all threads), and the peak of resident memory so far. Imports next to nothing: the
memory of a whole process is what is measured.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import BinaryIO, Protocol

RATE_HZ = 16_000


class Listener(Protocol):
    """An engine and its way of being called."""

    block_samples: int

    def reset(self) -> None:
        """Return to the state before the first sample."""

    def hear(self, blocks: list[bytes]) -> list[list[float]]:
        """Go on hearing; return rows that begin with the sample index at which the engine knew."""


def serve(listener: Listener) -> None:
    """Answer requests until stdin ends."""
    requests, answers = sys.stdin.buffer, sys.stdout
    while line := requests.readline().split():
        blocks = list(cut(requests, int(line[1]), 2 * listener.block_samples))
        if line[0] == b"fresh":
            listener.reset()
        began = process_time()
        heard = listener.hear(blocks)
        spent_s = process_time() - began
        answers.write(json.dumps({"heard": heard, "cpu_s": spent_s, "peak_mib": peak_mib()}) + "\n")
        answers.flush()


def cut(sound: BinaryIO, length: int, size: int) -> Iterator[bytes]:
    """Whole blocks; the last is filled up with silence, as nobody hears half a block."""
    for at in range(0, length, size):
        yield sound.read(min(size, length - at)).ljust(size, b"\0")


def peak_mib() -> float:
    """The most memory that was ever resident; not `ru_maxrss`, which a child inherits from its parent."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (kib,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return kib / 1024
