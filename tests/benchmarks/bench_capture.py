"""How fast the audit reads a capture beside tshark: `python tests/benchmarks/bench_capture.py PCAPS [BYTES]`.

PCAPS is a folder of captures of a home (shared data's echo-traffic/pcap). They are written one after another,
again and again, into one file of BYTES (a gigabyte unless said), which is read by the audit's reader, flows
counted and every TCP stream put in order and heard, and in turn by `tshark -q -z conv,tcp`, which counts.
Both as processes of their own, start and end included; the faster of two runs each.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from struct import pack
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2]))
from limits import Limit, show

from lab.audit.capture.blocks import Faults
from lab.audit.capture.files import Source

ROUNDS = 2
OURS = """
import sys
from pathlib import Path
from lab.audit.capture.survey import read

class Heard:
    def hear(self, from_first, data, at): Heard.bytes += len(data)
    def lost(self, from_first, count, at): pass
    def over(self): pass

Heard.bytes = 0
found = read(Path(sys.argv[1]), lambda flow: Heard())
print(found.packets, found.bytes, Heard.bytes)
"""


def main() -> int:
    folder, size = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000_000
    tshark = shutil.which("tshark")
    if tshark is None:
        print("tshark is not installed: apt install tshark", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        capture = Path(scratch) / "home.pcap"
        packets = write(sorted(folder.glob("*.pcap")), capture, size)
        print(f"{capture.stat().st_size / 1e6:.0f} MB, {packets} packets")
        ours = [sys.executable, "-c", OURS, str(capture)]
        theirs = [tshark, "-n", "-r", str(capture), "-q", "-z", "conv,tcp"]
        times: dict[str, list[float]] = {"audit": [], "tshark": []}
        peaks: dict[str, int] = {}
        for _ in range(ROUNDS):
            for name, words in (("audit", ours), ("tshark", theirs)):
                seconds, peaks[name] = run(words)
                times[name].append(seconds)
        small = Path(scratch) / "small.pcap"
        write(sorted(folder.glob("*.pcap")), small, size // 10)
        _, least = run([*ours[:-1], str(small)])
    for name, each in times.items():
        print(f"{name:8}{min(each):8.1f} s{peaks[name] >> 10:8} MiB at most")
    return show(
        Limit("capture, reading beside tshark", min(times["audit"]) / min(times["tshark"]), 1, "x"),
        Limit("capture, memory of ten times as much", peaks["audit"] / least, 1.2, "x"),
    )


def write(paths: list[Path], into: Path, size: int) -> int:
    """Write what the captures hold, again and again, later each time; return how many packets."""
    records = [(record.time_ns // 1000, record.data) for path in paths for record in Source(path, Faults())]
    packets = written = 0
    with into.open("wb") as file:
        file.write(pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        while written < size:
            for time_us, data in records:
                file.write(pack("<IIII", *divmod(time_us, 1_000_000), len(data), len(data)) + data)
                written += 16 + len(data)
                packets += 1
    return packets


def run(words: list[str]) -> tuple[float, int]:
    """Seconds, and the peak of resident memory in KiB."""
    began = perf_counter()
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(words, stdout=quiet, stderr=quiet, cwd=Path(__file__).parents[2])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{words[0]}: exit {child.returncode}")
    return perf_counter() - began, usage.ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
