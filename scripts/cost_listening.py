"""What one part of listening does, so often: `cost_listening.py PART SECONDS`, for counting its instructions.

PART is `judging`, `sealing` or `ledger` of tests/benchmarks/bench_listening.py, whose seconds are a multiple
of ten; or `uplink`: a segment for every 80 ms goes over TLS 1.3 to a mosquitto, one by one.
It times nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "benchmarks"))
import msgspec
from bench_listening import UTTERANCE_S, Desk
from bench_uplink import SEGMENT_BYTES, Line, ours
from firmware import settings

from device.ledger import Signer
from device.outbox import Outbox

SEGMENT_MS = 80


def at_the_desk(part: str, seconds: int, folder: Path) -> None:
    with closing(Desk(folder)) as desk:
        do = getattr(desk, part)
        for _ in range(seconds // UTTERANCE_S):
            do()


def over_the_line(seconds: int, folder: Path) -> None:
    line = Line(folder)
    config = settings(folder / "device", line.port)
    one_by_one = msgspec.structs.replace(config.uplink, host="localhost", window=1)
    config = msgspec.structs.replace(config, uplink=one_by_one)
    signer = Signer(line.identity.device, line.identity.signing)
    payloads = [os.urandom(SEGMENT_BYTES)] * (seconds * 1000 // SEGMENT_MS)
    with line.broker, closing(Outbox(folder / "egress.db", signer)) as outbox:
        ours(line, config, outbox, payloads)


def main() -> None:
    part, seconds = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        if part == "uplink":
            over_the_line(seconds, Path(folder))
        else:
            at_the_desk(part, seconds, Path(folder))


if __name__ == "__main__":
    main()
