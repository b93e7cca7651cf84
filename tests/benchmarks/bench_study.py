"""How fast `overheard-lab study` is and how much memory it takes: `python tests/benchmarks/bench_study.py`.

The command itself with both ears, start and end of Python and all tables included, on one core, with one
word: a file of 10 and one of 60 minutes of 16 kHz mono WAV, and 10 minutes in clips of a few seconds. In all
of them the wake word is said three times a minute, far more often than in life. It must be 60 times faster
than real time in CPU time, which is what a core of its own would take, as fast with an hour as with ten
minutes, and its peak of resident memory must not grow with the file.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median_low
from time import perf_counter
from typing import NamedTuple

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[2]))
from limits import Limit, show

ROOT = Path(__file__).parents[2]
WAKE = ROOT / "tests" / "audio" / "wake"
RATE_HZ = 16_000
ROUNDS = 3
GROWTH = 1.05
"""Peaks and times of the same audio differ by a few per cent from run to run."""


class Run(NamedTuple):
    """Seconds by the wall clock, CPU seconds (user and system), the peak of resident memory, and wakes."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    wakes: int


def write_file(folder: Path, minutes: int) -> None:
    """Our recordings over and over, a minute at a time, so that this process stays small."""
    once = np.concatenate([soundfile.read(each, dtype="int16")[0] for each in sorted(WAKE.glob("*.flac"))])
    minute = np.resize(once, 60 * RATE_HZ)
    with soundfile.SoundFile(folder / "long.wav", "w", RATE_HZ, 1, "PCM_16") as sound:
        for _ in range(minutes):
            sound.write(minute)


def write_clips(folder: Path, minutes: int) -> None:
    """Each of our recordings as a file of its own, until there are so many minutes."""
    clips = sorted(WAKE.glob("*.flac"))
    lengths = [soundfile.info(clip).duration for clip in clips]
    for number in range(round(60 * minutes / sum(lengths))):
        for clip in clips:
            shutil.copy(clip, folder / f"{number:04}-{clip.name}")


def seconds(folder: Path) -> float:
    return sum(float(soundfile.info(file).duration) for file in folder.iterdir())


def study(audio: Path, out: Path) -> Run:
    """Run the command on the one core that this process is allowed to use."""
    began = perf_counter()
    command = [sys.executable, "-m", "lab", "study", str(audio), "--out", str(out), "--word", "alexa"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, spent = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    # a child starts with the peak of the process that started it
    assert spent.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if child.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {child.returncode}")
    wakes = len((out / "wakes.jsonl").read_bytes().splitlines())
    return Run(perf_counter() - began, spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024, wakes)


KINDS: dict[str, tuple[Callable[[Path, int], None], int]] = {
    "10 min in one file": (write_file, 10),
    "60 min in one file": (write_file, 60),
    "10 min in clips": (write_clips, 10),
}


def measure(folder: Path) -> tuple[dict[str, list[Run]], dict[str, float]]:
    runs: dict[str, list[Run]] = {kind: [] for kind in KINDS}
    length_s = {}
    for kind, (write, minutes) in KINDS.items():
        (folder / kind).mkdir()
        write(folder / kind, minutes)
        length_s[kind] = seconds(folder / kind)
    for number in range(ROUNDS):
        for kind, taken in runs.items():
            taken.append(study(folder / kind, folder / f"{kind} {number}"))
    return runs, length_s


def main() -> int:
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    with tempfile.TemporaryDirectory() as folder:
        runs, length_s = measure(Path(folder))
    print(f"the middle of {ROUNDS} rounds on core {core}, Python {sys.version.split()[0]}")
    print(f"{'':28}{'wakes':>6}{'wall s':>9}{'x real time':>13}", end="")
    print(f"{'CPU s':>9}{'x real time':>13}{'peak MiB':>10}")
    speed, peak, cpu = {}, {}, {}
    for kind, taken in runs.items():
        wall_s, cpu[kind], peak[kind], wakes = (median_low(values) for values in zip(*taken, strict=True))
        speed[kind] = length_s[kind] / cpu[kind]
        print(f"{kind:28}{wakes:6}{wall_s:9.2f}{length_s[kind] / wall_s:13.0f}", end="")
        print(f"{cpu[kind]:9.2f}{speed[kind]:13.0f}{peak[kind]:10.1f}")
    short, long, _ = KINDS
    return show(
        Limit("study, the slowest audio", min(speed.values()), 60, "times real time", at_least=True),
        Limit("an hour beside six times ten minutes", cpu[long] / (6 * cpu[short]), GROWTH, "times"),
        Limit("peak of an hour beside that of ten minutes", peak[long] / peak[short], GROWTH, "times"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
