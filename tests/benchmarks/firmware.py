"""The whole firmware as the benchmarks run it: assembled as for a real board, with a microphone that hands
over frames made beforehand, so that what is measured is the firmware and not the room.
"""

import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import clock_gettime, monotonic, pthread_getcpuclockid, sleep, thread_time
from typing import NamedTuple

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).parents[2]))
from cloud_stub.broker import Broker
from device.assemble import assemble
from device.config import Config, load
from device.envelope import ReaderKey, topics
from device.envelope.layout import to_base64
from device.ledger import Signer, sign
from device.session import Phase
from device.speaker import Speaker
from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame
from hardware.sim import SimBoard

CLOUD_ROOT = Signer("overheard-cloud", Ed25519PrivateKey.generate())
NOW = datetime.now(UTC)
_PATIENCE_S = 10.0


class Microphone:
    """Hands over the same frames again and again, numbered on; it costs next to nothing."""

    digital_silence = False
    overruns = 0
    capture_state = None

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames
        self.frames_read = 0
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        self.is_open = False

    def read(self) -> Frame:
        count = self.frames_read
        self.frames_read = count + 1
        return Frame(count * FRAME_SAMPLES, self.frames[count % len(self.frames)])


class Cpu(NamedTuple):
    """CPU seconds of a speaker's loop and of its uplink's thread, and the seconds of the wall clock."""

    loop_s: float
    uplink_s: float
    wall_s: float

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(*(now - then for now, then in zip(self, earlier, strict=True)))


class Firmware:
    """One assembled speaker on a simulated board, started, in *idle*. Close it."""

    def __init__(self, directory: Path, port: int, frames: list[bytes], *, animated: bool = False) -> None:
        self.microphone = Microphone(frames)
        self.board = SimBoard(animated=animated)
        self.board.microphone = self.microphone
        self.speaker: Speaker = assemble(settings(directory, port), self.board)
        others = set(threading.enumerate())
        self.speaker.start()
        (self._uplink,) = (t for t in threading.enumerate() if t.name == "uplink" and t not in others)

    def loop(self, frames: list[bytes]) -> None:
        """What `Speaker.run` does, as often as there are frames."""
        pass_frame = self.speaker.pass_frame
        for _ in frames:
            pass_frame()

    def hear(self, frames: list[bytes]) -> Callable[[], None]:
        """Return a call of `Speaker.hear` for each of the frames."""
        first = self.microphone.frames_read
        self.microphone.frames_read += len(frames)
        made = [Frame((first + i) * FRAME_SAMPLES, pcm) for i, pcm in enumerate(frames)]
        hear = self.speaker.hear

        def each() -> None:
            for frame in made:
                hear(frame)

        return each

    def cpu(self) -> Cpu:
        """What it has cost so far; the loop is the calling thread."""
        uplink = self._uplink.ident
        assert uplink is not None
        assert self._uplink.is_alive(), "the uplink has ended"
        return Cpu(thread_time(), clock_gettime(pthread_getcpuclockid(uplink)), monotonic())

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Run the loop at real speed until `ready`."""
        until = monotonic() + _PATIENCE_S
        while not ready():
            if monotonic() > until:
                raise SystemExit(f"benchmark: {what} within {_PATIENCE_S:.0f} s")
            self.speaker.pass_frame()
            sleep(FRAME_SAMPLES / RATE_HZ)

    def require_idle(self, rows: int) -> None:
        """Stop unless it is idle and has written nothing since its ledger had `rows` rows."""
        if self.speaker.phase is not Phase.IDLE or self.speaker.parts.outbox.size != rows:
            raise SystemExit("benchmark: it woke; idle is without the wake word, give other audio")

    def close(self) -> None:
        self.speaker.finish()


def settings(directory: Path, port: int) -> Config:
    """The default settings, with keys to seal for and a broker at `port`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "keys.note").write_text(keys_note())
    file = directory / "firmware.toml"
    file.write_text(
        f'device.state_dir = "state"\nuplink.port = {port}\n'
        f'cloud = {{ root = "{CLOUD_ROOT.vkey}", keys = "keys.note" }}\n'
    )
    return load(file)


def keys_note() -> str:
    """The cloud's keys for today, as `overheard-cloud` publishes them, signed by CLOUD_ROOT."""
    signer = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    body = {
        "not_before": f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "reader": ReaderKey.generate("mlkem768-x25519").public.encode(),
        "signer": to_base64(signer),
    }
    return sign(f"overheard/v1/keys\n{rfc8785.dumps(body).decode()}\n", CLOUD_ROOT)


def greet(broker: Broker) -> None:
    """Leave the cloud's keys at the broker, where a speaker waits for them."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish(topics.KEYS, keys_note().encode(), qos=1, retain=True).wait_for_publish(_PATIENCE_S)
    client.disconnect()
    client.loop_stop()


def closed_port() -> socket.socket:
    """A port that is taken and where nobody listens: connecting is refused at once."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken
