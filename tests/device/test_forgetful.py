"""What the firmware frees is overwritten, in a process that was begun anew for it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from device.forgetful import TUNABLES, VARIABLE

ROOT = Path(__file__).parents[2]
FREES_A_FRAME = """
import os, re, sys
from device.forgetful import begin_anew
if sys.argv[1] == "anew":
    begin_anew()
    begin_anew()
half = bytes(range(0, 256, 2)) * 5
frames = [bytes(byte ^ 0x55 for byte in half) for _ in range(5)]
del frames
needle = bytes(byte ^ 0x55 for byte in half[:128])[16:]
found = 0
for line in open("/proc/self/maps"):
    begin, end = (int(part, 16) for part in re.match(r"(\\w+)-(\\w+)", line).groups())
    if "[heap]" in line:
        with open("/proc/self/mem", "rb", 0) as memory:
            memory.seek(begin)
            found += memory.read(end - begin).count(needle)
print(os.getpid(), found)
"""


def run(how: str) -> tuple[int, int, int]:
    """The pid it began with, the one it ended with, and how many copies of freed frames there were."""
    told = {name: value for name, value in os.environ.items() if name != VARIABLE}
    words = [sys.executable, "-c", FREES_A_FRAME, how]
    with subprocess.Popen(words, cwd=ROOT, env=told, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate()
    assert process.returncode == 0
    pid, found = map(int, said.split())
    return process.pid, pid, found


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library than glibc frees its own way"
)
def test_a_frame_that_was_freed_is_overwritten() -> None:
    began, ended, found = run("anew")
    assert (ended, found) == (began, 0)
    assert run("as it was")[2] > 0


def test_the_unit_tells_it_from_the_beginning() -> None:
    unit = (ROOT / "systemd" / "overheard-device.service").read_text(encoding="utf-8")
    assert f"Environment={VARIABLE}={TUNABLES}\n" in unit
