"""How fast `overheard-lab hear` is and how much memory it takes: `python tests/benchmarks/bench_hear.py`.

The command itself, as a user runs it, start and end of Python included, on one core, with one word: files of
10 and of 60 minutes of 16 kHz mono WAV, and 10 minutes of 48 kHz stereo FLAC, which is decoded and resampled.
It must be 100 times faster than real time in CPU time, which is what a core of its own would take (on a busy
machine the wall clock measures the others), and its peak of resident memory must not grow with the file.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median_low
from time import perf_counter
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

sys.path.insert(0, str(Path(__file__).parents[2]))
from limits import Limit, show

ROOT = Path(__file__).parents[2]
WAKE = ROOT / "tests" / "audio" / "wake"
RATE_HZ = 16_000
ROUNDS = 3
GROWTH = 1.05
"""Peaks of the same file differ by a few per cent from run to run."""


class File(NamedTuple):
    name: str
    minutes: int
    rate_hz: int
    channels: int


FILES = [
    File("10 min.wav", 10, RATE_HZ, 1),
    File("60 min.wav", 60, RATE_HZ, 1),
    File("10 min, 48 kHz stereo.flac", 10, 48_000, 2),
]


class Run(NamedTuple):
    """Seconds by the wall clock, CPU seconds (user and system), the peak of resident memory, and wakes."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    wakes: int


def write(path: Path, file: File) -> None:
    """Our recordings over and over, a minute at a time, so that this process stays small."""
    once = np.concatenate([soundfile.read(each, dtype="int16")[0] for each in sorted(WAKE.glob("*.flac"))])
    minute = np.resize(once, 60 * RATE_HZ)
    if file.rate_hz != RATE_HZ:
        minute = soxr.resample(minute, RATE_HZ, file.rate_hz)
    with soundfile.SoundFile(path, "w", file.rate_hz, file.channels, "PCM_16") as sound:
        for _ in range(file.minutes):
            sound.write(np.repeat(minute[:, None], file.channels, axis=1))


def hear(path: Path) -> Run:
    """Run the command on the one core that this process is allowed to use."""
    began = perf_counter()
    command = [sys.executable, "-m", "lab", "hear", "--word", "alexa", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        wakes = len(child.stdout.readlines())
        _, status, spent = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    # a child starts with the peak of the process that started it
    assert spent.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if child.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {child.returncode}")
    return Run(perf_counter() - began, spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024, wakes)


def main() -> int:
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    runs: dict[File, list[Run]] = {file: [] for file in FILES}
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            write(Path(folder, file.name), file)
        for _ in range(ROUNDS):
            for file, taken in runs.items():
                taken.append(hear(Path(folder, file.name)))
    print(f"the middle of {ROUNDS} rounds on core {core}, Python {sys.version.split()[0]}")
    print(f"{'':28}{'wakes':>6}{'wall s':>9}{'x real time':>13}", end="")
    print(f"{'CPU s':>9}{'x real time':>13}{'peak MiB':>10}")
    speed, peak = {}, {}
    for file, taken in runs.items():
        wall_s, cpu_s, peak[file], wakes = (median_low(values) for values in zip(*taken, strict=True))
        speed[file] = 60 * file.minutes / cpu_s
        print(f"{file.name:28}{wakes:6}{wall_s:9.2f}{60 * file.minutes / wall_s:13.0f}", end="")
        print(f"{cpu_s:9.2f}{speed[file]:13.0f}{peak[file]:10.1f}")
    short, long, _ = FILES
    return show(
        Limit("hear, the slowest file", min(speed.values()), 100, "times real time", at_least=True),
        Limit("peak of an hour beside that of ten minutes", peak[long] / peak[short], GROWTH, "times"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
