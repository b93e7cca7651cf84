"""What the uplink carries: `python tests/benchmarks/bench_uplink.py [DIRECTORY]`, which must be on a disk.

Throughput. Segments of 80 ms (2,598 bytes), QoS 1, TLS 1.3 with certificates on both sides, to the mosquitto
of `overheard-cloud broker init`; in turn, round after round, until the broker has confirmed the last:

(once with an ingest that has subscribed to all of it, as the cloud has, and for comparison with nobody there)

    bare paho   a paho client with its own thread, and as many messages in flight as our window
    uplink      outbox, delivery and uplink, as after an outage: every message has a ledger row that is on
                disk (SQLite synchronous=FULL) before it leaves

Latency. A whole speaker in real time, its button held: from the moment a segment's last sample was heard
until a subscriber at the broker has it.

The uplink must sustain 60 % of what paho reaches with an ingest there, since a device sends nothing where
none is; a segment must be there within 40 ms (median).
"""

import os
import queue
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, perf_counter

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

sys.path.insert(0, str(Path(__file__).parents[2]))
from bench_listening import ROOT, disk
from firmware import greet, settings
from limits import Limit, show

from cloud_stub.authority import keep_key
from cloud_stub.broker import Mosquitto, open_broker, open_own_broker
from cloud_stub.broker_files import CLOUD, Address, BrokerFiles
from cloud_stub.loopback import free_port
from device.assemble import assemble
from device.certificate import tls_context
from device.config import Config
from device.delivery import Delivery
from device.envelope import topics
from device.keys import Identity, load_or_make
from device.ledger import Signer
from device.outbox import Outbox, Sealed
from device.session import Phase
from device.uplink import Caller, Kind, Uplink
from hardware.board import FRAME_SAMPLES, RATE_HZ
from hardware.sim import SimBoard

MESSAGES, SEGMENT_BYTES, ROUNDS = 4000, 2598, 5
UTTERANCE_MESSAGES = 125
SPOKEN_S = 8
PATIENCE_S = 60.0
NAMES = ("bare paho", "uplink", "bare paho, nobody there", "uplink, nobody there")


class Line:
    """A broker that lets nobody in, and the device that it lets in."""

    def __init__(self, directory: Path) -> None:
        now = datetime.now(UTC)
        self.directory = directory
        self.identity: Identity = load_or_make(directory / "state", "x25519")
        files = BrokerFiles(directory / "broker", directory / "keys", now)
        self.port = free_port()
        files.write(Address(["localhost"], self.port, free_port(), "127.0.0.1"), "nobody's root", [])
        self.broker: Mosquitto = open_own_broker(self.port, directory / "broker")
        self.ca = files.authority.path
        self.pair = directory / "device.crt"
        key = keep_key(self.pair.with_suffix(".key"))
        until = now + timedelta(days=1)
        self.pair.write_bytes(files.authority.issue_client(key, self.identity.device, until, now))

    def context(self) -> ssl.SSLContext:
        return tls_context(self.ca, self.pair, self.pair.with_suffix(".key"))

    def settle(self) -> None:
        pass


def listen(port: str, ca: str, pair: str) -> None:
    """Be an ingest: subscribe to everything, say so, take it."""
    client = paho.Client(CallbackAPIVersion.VERSION2, CLOUD, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda mine, *_: mine.subscribe(topics.UP_FILTER, qos=1)
    client.on_subscribe = lambda *_: print("listening", flush=True)
    client.tls_set_context(tls_context(Path(ca), Path(pair), Path(pair).with_suffix(".key")))
    client.connect("localhost", int(port))
    client.loop_forever()


@contextmanager
def ingest(line: Line) -> Iterator[None]:
    """An ingest in a process of its own."""
    pair = line.directory / "keys" / f"{CLOUD}.crt"
    command = [sys.executable, __file__, "listen", str(line.port), str(line.ca), str(pair)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"listening\n"
        try:
            yield
        finally:
            child.kill()


def bare(line: Line, payloads: list[bytes], window: int) -> float:
    """Messages a second that paho alone has confirmed."""
    up, landed = threading.Event(), threading.Semaphore(0)
    client = paho.Client(
        CallbackAPIVersion.VERSION2, line.identity.device, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.max_inflight_messages_set(window)
    client.on_connect = lambda *_: up.set()
    client.on_publish = lambda *_: landed.release()
    client.tls_set_context(line.context())
    client.connect("localhost", line.port)
    client.loop_start()
    assert up.wait(PATIENCE_S)
    topic = topics.utterance(line.identity.device, "0" * 32, "segment")
    began = perf_counter()
    for payload in payloads:
        client.publish(topic, payload, qos=1)
    for _ in payloads:
        assert landed.acquire(timeout=PATIENCE_S)
    took = perf_counter() - began
    client.disconnect()
    client.loop_stop()
    return len(payloads) / took


def ours(line: Line, config: Config, outbox: Outbox, payloads: list[bytes]) -> float:
    """Messages a second that outbox, delivery and uplink have confirmed, after an outage."""
    names = [os.urandom(16).hex() for _ in range(0, len(payloads), UTTERANCE_MESSAGES)]
    sealed = [
        Sealed(
            name, "segment", topics.utterance(line.identity.device, name, "segment"), payload, part, 0, 1280
        )
        for at, name in enumerate(names)
        for part, payload in enumerate(payloads[at * UTTERANCE_MESSAGES :][:UTTERANCE_MESSAGES])
    ]
    outbox.put(sealed, depart=False)
    caller = Caller(line.identity.device, "", b"", ())
    caller = caller._replace(subscriptions=(topics.KEYS,))
    uplink = Uplink(config.uplink, caller, lambda: outbox.connect(None), line)
    delivery = Delivery(outbox, uplink, config.uplink.window, 3600 * RATE_HZ)
    uplink.start()
    while not (uplink.inbox and uplink.take().kind is Kind.UP):
        assert uplink.arrived.wait(PATIENCE_S)
        uplink.arrived.clear()
    began = perf_counter()
    delivery.link(True, 0)
    while delivery.moving:
        assert uplink.arrived.wait(PATIENCE_S)
        uplink.arrived.clear()
        while uplink.inbox:
            news = uplink.take()
            if news.kind is Kind.SENT:
                delivery.sent(news.seq)
        delivery.tend(0)
    took = perf_counter() - began
    uplink.stop()
    for name in names:
        outbox.forget(name)
    return len(payloads) / took


def latencies(directory: Path) -> list[float]:
    """Seconds from a segment's last sample to a subscriber, for all but the last two of an utterance."""
    arrived: queue.SimpleQueue[float] = queue.SimpleQueue()
    heard: dict[int, float] = {}
    with ExitStack() as stack:
        broker = stack.enter_context(open_broker("auto", 0, directory / "plain"))
        greet(broker)
        listener = paho.Client(CallbackAPIVersion.VERSION2)
        listener.on_message = lambda _c, _u, message: (
            arrived.put(monotonic()) if message.topic.endswith("/segment") else None
        )
        listener.connect("127.0.0.1", broker.port)
        listener.subscribe(topics.UP_FILTER, qos=1)
        listener.loop_start()
        board = SimBoard(pace="realtime")
        board.gate = lambda first: heard.setdefault(first, monotonic())  # the frame before it has just ended
        speaker = assemble(settings(directory / "talker", broker.port), board)
        speaker.start()
        stack.callback(speaker.finish)
        stack.callback(listener.loop_stop)
        until = monotonic() + PATIENCE_S
        while not speaker.parts.line.up and monotonic() < until:
            speaker.pass_frame()
        board.press()
        while speaker.phase is not Phase.LISTENING and monotonic() < until:
            speaker.pass_frame()
        first = speaker.parts.turn.capturing_since
        assert first is not None, "it does not listen"
        for _ in range(SPOKEN_S * RATE_HZ // FRAME_SAMPLES):
            speaker.pass_frame()
        count = SPOKEN_S * RATE_HZ // 1280 - 2
        at = [arrived.get(timeout=PATIENCE_S) for _ in range(count)]
    ends = [first + (part + 1) * 1280 for part in range(count)]
    return [there - _when(heard, end) for there, end in zip(at, ends, strict=True)]


def _when(heard: dict[int, float], sample: int) -> float:
    """When `sample` was over: the frame that holds it ends at the next multiple of a frame, as paced."""
    origin = min(moment - first / RATE_HZ for first, moment in heard.items())
    return origin + sample / RATE_HZ


def main() -> int:
    """Print both tables and both limits."""
    base = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out"
    base.mkdir(parents=True, exist_ok=True)
    kind = disk(base)
    payloads = [os.urandom(SEGMENT_BYTES) for _ in range(MESSAGES)]
    rates: dict[str, list[float]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory(dir=base, prefix="bench-") as scratch:
        line = Line(Path(scratch))
        config = settings(Path(scratch) / "device", line.port)
        config = msgspec.structs.replace(
            config, uplink=msgspec.structs.replace(config.uplink, host="localhost")
        )
        signer = Signer(line.identity.device, line.identity.signing)
        with line.broker, closing(Outbox(Path(scratch) / "egress.db", signer)) as outbox:
            for names, there in ((NAMES[:2], ingest(line)), (NAMES[2:], nullcontext())):
                with there:
                    for _ in range(ROUNDS):
                        rates[names[0]].append(bare(line, payloads, config.uplink.window))
                        rates[names[1]].append(ours(line, config, outbox, payloads))
        took = latencies(Path(scratch))
    print(
        f"{ROUNDS} rounds of {MESSAGES} messages of {SEGMENT_BYTES} bytes, {kind}, mosquitto, TLS 1.3, ",
        end="",
    )
    print(f"Python {sys.version.split()[0]}")
    print(f"{'messages a second':24}{'median':>10}{'from':>10}{'to':>10}")
    for name, rate in rates.items():
        print(f"{name:24}{median(rate):10.0f}{min(rate):10.0f}{max(rate):10.0f}")
    cut = quantiles(took, n=20)
    print(f"segment to the broker: {len(took)} segments, median {1e3 * median(took):.1f} ms, ", end="")
    print(f"95 % within {1e3 * cut[-1]:.1f} ms, at most {1e3 * max(took):.1f} ms")
    shares, alone = (
        [mine / theirs for mine, theirs in zip(rates[mine_], rates[theirs_], strict=True)]
        for theirs_, mine_ in (NAMES[:2], NAMES[2:])
    )
    print(f"the uplink, of bare paho's rate, with nobody there: {100 * median(alone):.0f} %")
    return show(
        Limit("the uplink, of bare paho's rate", 100 * median(shares), 60, "%", at_least=True),
        Limit("a segment at the broker after its last sample, median", 1e3 * median(took), 40, "ms"),
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["listen"]:
        listen(*sys.argv[2:])
    sys.exit(main())
