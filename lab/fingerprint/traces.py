"""Traces: what somebody on the network wrote down of one spoken command, as CSV `,time,size,direction`.

That is the format of the traces published with the attack (SmartHomePrivacyProject/VCFingerprinting):
seconds, bytes, and 1 for what left the home, -1 for what came. One file is one trace. It never changes a file
that it reads.
"""

import csv
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from lab.fingerprint.errors import FingerprintError

HEADER = ["", "time", "size", "direction"]
COVER = "cover"
"""The class of utterances that hold no sound."""

NAME = re.compile(r"(?P<command>.+?)(?:_5(?:_\d+s)?(?:_L)?)?_(?P<number>\d+)")
"""A trace's class is its file's name without the number of the repetition. The published names have before it
how it was recorded (`_5_30s_L`: 5 repetitions of 30 s, another series), which is no part of the command
either: `alexa_5_30s_L_1` and `alexa_5_40s_3` are both `alexa`."""


class Packet(NamedTuple):
    """One row: seconds, bytes on the wire, and whether they left the home."""

    time_s: float
    size: int
    up: bool


class Trace(NamedTuple):
    """What was seen of one command."""

    command: str
    packets: tuple[Packet, ...]


def read(folder: Path) -> list[Trace]:
    """Read every trace of a folder, in the order of their names.

    Raises:
        FingerprintError: no folder, no trace, a file that is none, one command only, or a command with a
            single trace.
    """
    traces = [_read(path) for path in sorted(folder.glob("*.csv"))]
    counts = Counter(trace.command for trace in traces)
    if not traces:
        raise FingerprintError(f"{folder}: no trace (*.csv) in it; name a folder of traces")
    if len(counts.keys() - {COVER}) < 2:
        raise FingerprintError(f"{folder}: one command only, {max(counts)}; add traces of another")
    alone = [command for command, count in counts.items() if count == 1]
    if alone:
        raise FingerprintError(
            f"{folder}: {min(alone)}: a single trace; add a second (COMMAND_NUMBER.csv), or take it out"
        )
    return traces


def sets(directory: Path) -> dict[str, list[Trace]]:
    """Read the sets of traces in a folder, by name: itself, if traces lie in it, or else each folder in it.

    Raises:
        FingerprintError: as `read`.
    """
    if not directory.is_dir():
        raise FingerprintError(f"{directory}: no such folder; name a folder of traces")
    if any(directory.glob("*.csv")):
        return {directory.resolve().name: read(directory)}
    folders = sorted({path.parent for path in directory.glob("*/*.csv")}, key=_natural)
    if not folders:
        raise FingerprintError(f"{directory}: no trace (*.csv) in it, nor in a folder of it; name another")
    return {folder.name: read(folder) for folder in folders}


def write(path: Path, packets: Iterable[Packet]) -> None:
    """Write a trace; the file is there whole or not at all. Raises OSError."""
    half = path.with_suffix(".part")
    with half.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HEADER)
        for number, packet in enumerate(packets):
            lines.writerow([number, f"{packet.time_s:.6f}", packet.size, 1 if packet.up else -1])
    os.replace(half, path)


def command_of(path: Path) -> str:
    """Return a trace's class. Raises FingerprintError: the name ends in no number."""
    name = NAME.fullmatch(path.stem)
    if name is None:
        raise FingerprintError(f"{path}: no number at the end of its name; call it COMMAND_NUMBER.csv")
    return name["command"]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Two before ten."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _read(path: Path) -> Trace:
    command = command_of(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FingerprintError(f"{path}: {error}; mend it or take it out") from error
    if not rows or rows[0] != HEADER:
        raise FingerprintError(f"{path}: line 1 is not ',time,size,direction'; mend it or take it out")
    if len(rows) == 1:
        raise FingerprintError(f"{path}: no packet in it; take it out")
    return Trace(command, tuple(_packet(path, number, row) for number, row in enumerate(rows[1:], 2)))


def _packet(path: Path, number: int, row: Sequence[str]) -> Packet:
    try:
        time_s, size, direction = map(float, row[1:])
    except ValueError:
        time_s = size = direction = math.nan
    if math.isfinite(time_s) and size >= 1 and size.is_integer() and direction in (1, -1):
        return Packet(time_s, int(size), direction == 1)
    raise FingerprintError(
        f"{path}: line {number} is not a packet (number, seconds, bytes, 1 or -1); mend it or take it out"
    )
