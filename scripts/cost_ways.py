"""What is counted, and what follows from the counts: differences, shares of a core. It runs nothing.

A count is what a whole process executed, its start included, which is most of it. Two runs of different
length differ by what the sound between them cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Threads = Literal["all", "first", "others"]
Counts = Mapping[int, int]
"""How many instructions each thread executed, by its number; 0 is the one that the program began with."""

EARS = "tests/benchmarks/ears"
_LINE = re.compile(r"^thread (\d+): (\d+)$", re.MULTILINE)


class Way(NamedTuple):
    """A program that does something so often, in a shorter and a longer run, and whose threads count.

    Where it hears, it is sent as many seconds of sound, as tests/benchmarks/ears/serve.py wants them.
    """

    name: str
    command: tuple[str, ...]
    times: tuple[int, int]
    threads: Threads = "all"

    @property
    def hears(self) -> bool:
        """Whether it is sent sound; otherwise it is told how often."""
        return self.command[0].startswith(EARS)


def _part(name: str, part: str, times: tuple[int, int], threads: Threads = "all") -> Way:
    return Way(name, ("scripts/cost_parts.py", part), times, threads)


ALWAYS_ON = (
    Way("Overheard, the whole idle loop", (f"{EARS}/hear_loop.py",), (10, 70), "first"),
    Way("Overheard, both ears alone", (f"{EARS}/hear_ours.py", "balanced"), (10, 70)),
    Way("Overheard, the first ear alone", (f"{EARS}/hear_ours.py", "first"), (10, 70)),
    _part("Overheard, its capture process, PortAudio and ALSA left out", "capturing", (30, 90)),
    Way("pymicro-wakeword's loop", (f"{EARS}/hear_pymicro.py",), (10, 70)),
    Way("linux-voice-assistant's loop, micro model", (f"{EARS}/hear_pymicro.py", "lva"), (10, 70)),
    Way("pyopen-wakeword's loop", (f"{EARS}/hear_pyopen.py",), (1, 4)),
    Way("linux-voice-assistant's loop, openWakeWord model", (f"{EARS}/hear_pyopen.py", "lva"), (1, 4)),
)
LISTENING = (
    _part("judging: webrtcvad and end-pointing", "judging", (30, 90)),
    _part("sealing: hybrid HPKE, a segment every 80 ms, signatures", "sealing", (30, 90)),
    _part("ledger: rows and outbox in SQLite, Merkle tree", "ledger", (30, 90)),
    _part("uplink: its thread, MQTT over TLS 1.3", "uplink", (20, 80), "others"),
    _part("once an utterance, not a second: keys, header, wrap, signature", "starting", (20, 80)),
)


class Board(NamedTuple):
    """A Pi's core, and how many cycles an instruction is assumed to take on it: from, to."""

    name: str
    hz: float
    cpi: tuple[float, float]


BOARDS = (
    Board("Zero 2 W, Cortex-A53, 1.0 GHz", 1.0e9, (1.3, 2.5)),
    Board("Pi 4, Cortex-A72, 1.5 GHz", 1.5e9, (0.8, 1.5)),
)


def parse(log: str) -> dict[int, int]:
    """The counts in what the plugin wrote. Raises ValueError when there are none."""
    counts = {int(thread): int(count) for thread, count in _LINE.findall(log)}
    if 0 not in counts:
        raise ValueError("the plugin counted nothing; the program did not end in an orderly way")
    return counts


def chosen(counts: Counts, threads: Threads) -> int:
    """What the threads that matter executed."""
    if threads == "first":
        return counts[0]
    whole = sum(counts.values())
    return whole - counts[0] if threads == "others" else whole


def a_second(shorter: Counts, longer: Counts, way: Way) -> float:
    """Instructions a second of sound: the difference of two runs. Raises ValueError unless longer is more."""
    less, more = way.times
    difference = chosen(longer, way.threads) - chosen(shorter, way.threads)
    if more <= less or difference <= 0:
        raise ValueError(
            f"{way.name}: {difference} instructions more for {more} than for {less}; count again"
        )
    return difference / (more - less)


def share(instructions_a_second: float, board: Board) -> tuple[float, float]:
    """Per cent of one core, from and to, as the board's assumed cycles an instruction have it."""
    low, high = (100 * instructions_a_second * cpi / board.hz for cpi in board.cpi)
    return low, high


def rows(costs: Mapping[str, Sequence[float]]) -> list[list[str]]:
    """A row for each: name, millions of instructions a second, the spread, a share of each board's core."""
    return [
        [
            name,
            f"{_middle(counted) / 1e6:.2f}",
            f"{100 * (max(counted) - min(counted)) / _middle(counted):.1f} %",
            *(_between(*share(_middle(counted), board)) for board in BOARDS),
        ]
        for name, counted in costs.items()
    ]


def _middle(counted: Sequence[float]) -> float:
    return sum(counted) / len(counted)


def _between(low: float, high: float) -> str:
    digits = 0 if low >= 9.5 else 1 if low >= 0.1 else 2
    return f"{low:.{digits}f} to {high:.{digits}f} %"
