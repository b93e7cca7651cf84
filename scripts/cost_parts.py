"""What one part of the speaker does, so often: `cost_parts.py PART TIMES`, for counting its instructions.

PART is `judging`, `sealing` or `ledger` of tests/benchmarks/bench_listening.py, for a multiple of ten
seconds; `uplink`, a segment for every 80 ms of so many seconds, one by one over TLS 1.3; `capturing`,
what a capture process does with so many seconds, and the firmware's end of its pipe; or `starting`, so many
utterances begun and dropped. It times nothing.
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
from bench_listening import SEGMENT_SAMPLES, UTTERANCE_S, Desk
from bench_uplink import SEGMENT_BYTES, Line, ours
from firmware import settings

from device.envelope import Sealer, wrap
from device.ledger import Signer
from device.outbox import Outbox
from device.utterance import Utterance
from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.pi.capture import Ear, Pipe
from hardware.pi.frames import MESSAGE_BYTES, unpack

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


def capturing(seconds: int) -> None:
    here, there = os.pipe()
    ear = Ear(Pipe(there), RATE_HZ, 1, 0)
    sound, times = bytes(range(64)) * 10, {"current_time": 1.0, "input_buffer_adc_time": 0.98}
    for _ in range(seconds * RATE_HZ // FRAME_SAMPLES):
        ear.hear(sound, FRAME_SAMPLES, times, 0)
        unpack(os.read(here, MESSAGE_BYTES))


def starting(utterances: int, folder: Path) -> None:
    with closing(Desk(folder)) as desk:
        header = desk.header.to_bytes()
        for _ in range(utterances):
            data_key = os.urandom(32)
            wraps = wrap(data_key, [desk.keys.reader], header)
            Utterance(Sealer(header, data_key, wraps, desk.identity.signing), 0, SEGMENT_SAMPLES).begin()


def main() -> None:
    part, times = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        match part:
            case "uplink":
                over_the_line(times, folder)
            case "capturing":
                capturing(times)
            case "starting":
                starting(times, folder)
            case _:
                at_the_desk(part, times, folder)


if __name__ == "__main__":
    main()
