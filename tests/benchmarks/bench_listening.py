"""What listening costs: `python tests/benchmarks/bench_listening.py [DIRECTORY]`, which must be on a disk.

Utterances of 10 s in segments of 80 ms, with the default settings (MLKEM768-X25519, SQLite synchronous=FULL).
First the parts alone, each given what the ones before it made, in turn, round after round:

    judging   webrtcvad and end-pointing, a call a frame
    sealing   from the header, its HPKE and its signature to the signed end record
    ledger    ledger rows, outbox and Merkle tree, a transaction for each message, and forgetting it all when
              the cloud acknowledges; the broker of this one confirms at once and is not there
    capture   Recorder and Capture: the three of them as the speaker uses them

and then a whole speaker on a real broker, in real time: its button is held, and its detector hears on.

CPU time is that of the calling thread, with its system calls. Waiting is the rest of the wall clock, nearly
all of it for the disk. Sealing and ledger together may take 2 % of one core: alone, and in a capture, where
they are what is left without the judging.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, perf_counter, sleep, thread_time

sys.path.insert(0, str(Path(__file__).parents[2]))
from bench_idle import frames_of
from firmware import NOW, Cpu, Firmware, greet, settings
from limits import Limit, show

from cloud_stub.broker import open_broker
from device.asks import Ack
from device.capture import Capture, Outside, Recorder
from device.config import Config
from device.delivery import Delivery
from device.endpoint import Endpoint, Limits
from device.envelope import Header, Sealer, Trigger, wrap
from device.keys import load_or_make
from device.ledger import Signer
from device.outbox import Departure, Outbox, Sealed
from device.session import Event, Phase
from device.trust import CloudKeys, Trust
from device.utterance import Utterance
from device.vad import Vad
from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "tests" / "audio" / "hearing"
UTTERANCE_S, UTTERANCES, ROUNDS = 10, 3, 9
SECONDS = UTTERANCE_S * UTTERANCES
SEGMENT_SAMPLES = 1280
NEVER = Limits(*[10**9] * 4)
IN_MEMORY = {"tmpfs", "ramfs"}

Cost = tuple[float, float]
"""CPU seconds and seconds of the wall clock."""


class Tray:
    """Takes what a capture sends, for later."""

    stuck = False

    def __init__(self) -> None:
        self.sent: list[list[Sealed]] = []

    def send(self, messages: Sequence[Sealed], _now: int) -> None:
        self.sent.append(list(messages))

    def settle(self, _now: int) -> None:
        """There is nothing that a disk refused."""


class Confirming:
    """A carrier whose broker confirms at once."""

    delivery: Delivery

    def publish(self, departure: Departure) -> None:
        assert departure.seq is not None
        self.delivery.sent(departure.seq)


class Desk:
    """The parts of a speaker that write, in `directory`, and ten seconds of speech for them."""

    def __init__(self, directory: Path) -> None:
        self.config: Config = settings(directory, 1)
        state = directory / "state"
        self.identity = load_or_make(state, self.config.privacy.reader_suite)
        keys = Trust(self.config.cloud.root, state / "keys.note", Path(self.config.cloud.keys)).at(NOW)
        assert keys is not None
        self.keys: CloudKeys = keys
        self.outbox = Outbox(state / "egress.db", Signer(self.identity.device, self.identity.signing))
        carrier = Confirming()
        carrier.delivery = self.delivery = Delivery(self.outbox, carrier, self.config.uplink.window, RATE_HZ)
        self.delivery.link(True, 0)
        pcm = frames_of(sorted(SPEECH.glob("*.flac")))[: UTTERANCE_S * RATE_HZ // FRAME_SAMPLES]
        self.frames = [Frame(i * FRAME_SAMPLES, frame) for i, frame in enumerate(pcm)]
        tray = Tray()
        self.header: Header = self._capture(self._recorder(tray)).header
        self.sealed = tray.sent
        self._real = self._recorder(self.delivery)

    def _recorder(self, delivery: Delivery) -> Recorder:
        outside = Outside(lambda: NOW, os.urandom)
        return Recorder(self.config, self.identity, "0" * 16, self.outbox, delivery, outside)

    def _capture(self, recorder: Recorder) -> Capture:
        capture = recorder.start(Trigger("button_hold"), 0, self.keys)
        capture.release(0)
        for frame in self.frames:
            capture.hear(frame)
        capture.end("released", self.outbox.checkpoint, 0)
        return capture

    def judging(self) -> None:
        vad, endpoint = Vad(self.config.endpoint.vad), Endpoint(NEVER)
        for frame in self.frames:
            endpoint.hear(vad.is_speech(frame.pcm), FRAME_SAMPLES)

    def sealing(self) -> None:
        header, data_key = self.header.to_bytes(), os.urandom(32)
        wraps = wrap(data_key, [self.keys.reader], header)
        sealer = Sealer(header, data_key, wraps, self.identity.signing)
        utterance = Utterance(sealer, 0, SEGMENT_SAMPLES)
        utterance.begin()
        for frame in self.frames:
            utterance.hear(frame)
        utterance.close()
        utterance.end("released", "")

    def ledger(self) -> None:
        self.outbox.note("trigger", utterance=self.header.utterance, first_sample=0, cause="button_hold")
        for messages in self.sealed:
            self.delivery.send(messages, 0)
        self.outbox.checkpoint()
        self.delivery.acknowledged(Ack(self.header.utterance, "complete", (), False, False), 0)

    def capture(self) -> None:
        capture = self._capture(self._real)
        self.delivery.acknowledged(Ack(capture.name, "complete", (), False, False), 0)

    def close(self) -> None:
        assert self.delivery.idle, "what was acknowledged is forgotten"
        self.outbox.close()


def cost(part: Callable[[], None]) -> Cost:
    """What a part takes for a second of listening."""
    wall, cpu = perf_counter(), thread_time()
    for _ in range(UTTERANCES):
        part()
    return (thread_time() - cpu) / SECONDS, (perf_counter() - wall) / SECONDS


def held(speaker: Firmware) -> Cpu:
    """What the whole speaker takes for a second of listening, in real time."""
    speaker.board.press()
    speaker.wait(lambda: speaker.speaker.phase is Phase.LISTENING, "it does not listen")
    before, frames = speaker.cpu(), 0
    while speaker.speaker.phase is Phase.LISTENING:
        speaker.speaker.pass_frame()
        frames += 1
        sleep(max(0, before.wall_s + frames * FRAME_SAMPLES / RATE_HZ - monotonic()))
    spent = speaker.cpu() - before
    seconds = frames * FRAME_SAMPLES / RATE_HZ
    speaker.board.release()
    speaker.loop(speaker.microphone.frames[:10])  # a contact counts once it stands still
    speaker.speaker.happen(Event.NO_RESPONSE)
    return Cpu(*(part / seconds for part in spent))


def disk(directory: Path) -> str:
    """The kind of file system that `directory` is on; not one in memory."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", directory], capture_output=True, text=True, check=True)
    name = kind.stdout.strip()
    if name in IN_MEMORY:
        raise SystemExit(f"{directory}: {name} is no disk; name a directory on one")
    return name


def line(name: str, cpu_s: float, wall_s: float | None = None, spread: str = "") -> None:
    waits = f"{1e3 * (wall_s - cpu_s):13.3f}" if wall_s is not None else f"{'':13}"
    print(f"{name:24}{1e3 * cpu_s:12.3f}{waits}{100 * cpu_s:13.3f}{spread}")


def main() -> int:
    base = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out"
    base.mkdir(parents=True, exist_ok=True)
    kind = disk(base)
    costs: dict[str, list[Cost]] = {name: [] for name in ("judging", "sealing", "ledger", "capture")}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=base, prefix="bench-")))
        desk = stack.enter_context(closing(Desk(folder / "desk")))
        for _ in range(ROUNDS):
            for name, taken in costs.items():
                taken.append(cost(getattr(desk, name)))
        broker = stack.enter_context(open_broker("auto", 0, folder / "broker"))
        greet(broker)
        speech = [frame.pcm for frame in desk.frames]
        whole = stack.enter_context(closing(Firmware(folder / "whole", broker.port, speech)))
        whole.wait(lambda: whole.speaker.parts.line.up, f"no word from {broker.kind}")
        held_s = [held(whole) for _ in range(2)]
    print(f"{ROUNDS} rounds of {SECONDS} s, {len(desk.sealed)} transactions every {UTTERANCE_S} s, ", end="")
    print(f"{kind}, {broker.kind}, Python {sys.version.split()[0]}")
    print(f"{'':24}{'CPU ms a s':>12}{'waits ms a s':>13}{'% of a core':>13}{'from':>9}{'to':>7}")
    for name, taken in costs.items():
        low, middle, high = quantiles(cpu_s for cpu_s, _ in taken)
        line(name, middle, median(wall_s for _, wall_s in taken), f"{100 * low:9.3f}{100 * high:7.3f}")
    judging, sealing, ledger, capture = (median(cpu_s for cpu_s, _ in taken) for taken in costs.values())
    both = max(sealing + ledger, capture - judging)
    line("whole speaker, loop", sum(cpu.loop_s for cpu in held_s) / len(held_s))
    line("whole speaker, uplink", sum(cpu.uplink_s for cpu in held_s) / len(held_s))
    return show(Limit("sealing and ledger while listening", 100 * both, 2, "% of one core"))


if __name__ == "__main__":
    raise SystemExit(main())
