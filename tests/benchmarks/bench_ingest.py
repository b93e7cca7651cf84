"""How many people may talk at once: mosquitto, workers, a vault in Postgres or in a file, in real time.

    python tests/benchmarks/bench_ingest.py [--talkers 100 500] [--segment-ms 400 80] [--workers 3]
                                            [--stores postgres file] [--write]

Every talker speaks without a pause, in utterances of 4 s, each segment at its time. A rate is sustained
when no
message left late (99 % within 50 ms: else the generator is measured), every utterance was acknowledged as
complete, and 99 % of the acknowledgements came within 2 s of the end. The generator is a process of its own,
which writes MQTT by itself. Everything runs on this one machine. --write puts the table into docs/ingest.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
import socket
import struct
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cloud_stub.broker import open_broker
from cloud_stub.config import load
from cloud_stub.crew import Crew
from cloud_stub.keys import Keys
from cloud_stub.loopback import free_port
from cloud_stub.month.speaker import Speaker
from cloud_stub.vault import Vault
from device.envelope import Consent, Trigger, downlink, topics
from tests.postgres import installed, postgres

PAGE = ROOT / "docs" / "ingest.md"
UTTERANCE_S = 4.0
LATE_S, ACK_S, AFTER_S = 0.05, 2.0, 20.0


class Result(NamedTuple):
    store: str
    segment_ms: int
    talkers: int
    messages_s: float
    late_ms: float
    complete: int
    wanted: int
    ack_ms: tuple[float, float]

    @property
    def sustained(self) -> bool:
        on_time = self.late_ms <= 1000 * LATE_S
        return on_time and self.complete == self.wanted and self.ack_ms[1] <= 1000 * ACK_S

    def row(self) -> str:
        verdict = "yes" if self.sustained else "no"
        half, most = self.ack_ms
        return (
            f"| {self.store} | {self.segment_ms} ms | {self.talkers} | {self.messages_s:,.0f} |"
            f" {self.late_ms:.0f} ms | {self.complete} of {self.wanted} | {half:.0f} ms, {most:.0f} ms"
            f" | {verdict} |"
        )


def packet(topic: str, payload: bytes, number: int) -> bytes:
    """PUBLISH, QoS 1, MQTT 3.1.1."""
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">H", number) + payload
    length, rest = b"", len(body)
    while True:
        rest, low = divmod(rest, 128)
        length += bytes([low | (0x80 if rest else 0)])
        if not rest:
            return b"\x32" + length + body


def send(port: int, due: list[tuple[float, bytes]], answer: Any) -> None:
    """The generator: every packet at its time; then how late each was, and when the last of each
    utterance left.
    """
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(b"\x10\x13\x00\x04MQTT\x04\x02\x00\x00\x00\x07talkers")
    line.recv(4)

    def drain() -> None:
        with suppress(OSError):
            while line.recv(65_536):
                pass

    threading.Thread(target=drain, daemon=True).start()
    begun, late = time.monotonic() + 0.5, []
    at = 0
    while at < len(due):
        now = time.monotonic() - begun
        ready = bytearray()
        while at < len(due) and due[at][0] <= now:
            late.append(now - due[at][0])
            ready += due[at][1]
            at += 1
        if ready:
            line.sendall(ready)
        time.sleep(0.004)
    answer.put((begun, late))
    time.sleep(AFTER_S)
    line.close()


def spoken(
    reader: Any, talkers: int, seconds: float, segment_ms: int
) -> tuple[list[tuple[float, bytes]], dict[str, float]]:
    """What is due when, and when the end of each utterance is."""
    import random

    from cloud_stub.month import speaker

    speaker.SEGMENT_SAMPLES = 16 * segment_ms
    chance, utc = random.Random(1), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sound = chance.randbytes(round(32_000 * UTTERANCE_S))
    due: list[tuple[float, str, bytes]] = []
    ends: dict[str, float] = {}
    for number in track(range(talkers), "sealing", transient=True, console=Console(stderr=True)):
        voice, start = Speaker(chance), UTTERANCE_S * number / talkers
        while start + UTTERANCE_S < seconds:
            consent = Consent(save=True, review=False)
            utterance, messages = voice.say(sound, utc, reader, consent, Trigger("button_tap"))
            for at, (topic, payload) in enumerate(messages):
                when = start + min(at, len(messages) - 2) * segment_ms / 1000
                due.append((when, topic, payload))
            ends[utterance] = start + (len(messages) - 2) * segment_ms / 1000
            start += UTTERANCE_S
    due.sort(key=lambda each: each[0])
    return [
        (when, packet(topic, payload, 1 + at % 60_000)) for at, (when, topic, payload) in enumerate(due)
    ], ends


def measure(store: str, segment_ms: int, talkers: int, options: argparse.Namespace) -> Result:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=options.disk)))
        url = stack.enter_context(postgres(folder / "server"))[0] if store == "postgres" else ""
        file = folder / "cloud.toml"
        file.write_text(
            f'[storage]\ndirectory = "cloud"\ndatabase = "{url}"\n[broker]\nkind = "none"\nport = 1\n'
            '[keys]\nsuite = "x25519"\n[ingest]\narriving_per_device = 1000\n'
        )
        config = load(file)
        keys = Keys(config.storage.keys, config.keys)
        reader = keys.epoch(datetime.now(UTC)).key.public
        Vault(config.storage.vault, url).close()
        broker = stack.enter_context(open_broker("mosquitto", free_port(), folder / "broker"))
        crew = Crew(options.workers, broker.port, file)
        crew.start()
        stack.callback(crew.stop)
        time.sleep(4.0)  # the workers subscribe
        due, ends = spoken(reader, talkers, options.seconds, segment_ms)
        acked: dict[str, float] = {}
        public = keys.signer.public_key()

        def came(_client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
            body, _ = downlink.open("ack", message.payload, public)
            if body["state"] == "complete":
                acked.setdefault(body["utterance"], time.monotonic())

        ear = paho.Client(CallbackAPIVersion.VERSION2, "ear", protocol=MQTTProtocolVersion.MQTTv5)
        ear.on_message = came
        ear.on_connect = lambda *_: ear.subscribe(f"{topics.ROOT}/+/down/ack", qos=0)
        ear.connect("127.0.0.1", broker.port)
        ear.loop_start()
        answer: Any = multiprocessing.Queue()
        generator = multiprocessing.Process(target=send, args=(broker.port, due, answer), daemon=True)
        generator.start()
        begun, late = answer.get()
        until = time.monotonic() + AFTER_S
        while len(acked) < len(ends) and time.monotonic() < until:
            time.sleep(0.2)
        generator.kill()
        ear.disconnect()
        ear.loop_stop()
    waits = [1000 * (when - begun - ends[each]) for each, when in acked.items()] or [float("inf")] * 2
    cuts = quantiles(waits, n=100) if len(waits) > 1 else waits * 99
    spread = due[-1][0] or 1.0
    tail = 1000 * (quantiles(late, n=100)[98] if len(late) > 1 else 0.0)
    return Result(
        store, segment_ms, talkers, len(due) / spread, tail, len(acked), len(ends), (cuts[49], cuts[98])
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talkers", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--segment-ms", type=int, nargs="+", default=[400, 80])
    parser.add_argument("--stores", nargs="+", default=["postgres", "file"])
    parser.add_argument("--seconds", type=float, default=16.0)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--disk", default=None, help="a folder on the disk that is to be measured")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if "postgres" in options.stores and not installed():
        print("postgresql is not installed, or this is not root; say --stores file", file=sys.stderr)
        return 3
    lines = [
        "| store | segments | talkers | messages a second | 99 % left within | complete |"
        " acknowledged in (50 %, 99 %) | sustained |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for store in options.stores:
        for segment_ms in options.segment_ms:
            for talkers in options.talkers:
                result = measure(store, segment_ms, talkers, options)
                lines.append(result.row())
                print(lines[-1], flush=True)
    found = "\n".join(lines)
    if options.write:
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        command = " ".join(["`tests/benchmarks/bench_ingest.py", *sys.argv[1:]]) + "`"
        where = (
            f"Measured by {command}: {machine}, workers: {options.workers}, mosquitto, all on one machine."
        )
        block = f"<!-- figures -->\n{found}\n\n{where}\n<!-- /figures -->"
        old = PAGE.read_text(encoding="utf-8")
        new = re.sub(r"<!-- figures -->.*<!-- /figures -->", lambda _: block, old, flags=re.DOTALL)
        PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
