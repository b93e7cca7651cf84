"""A speaker, a cloud and a mosquitto with mutual TLS, and between them a line on which everything goes wrong.

    speaker ==TLS==> hop --> faults --> hop ==TLS==> mosquitto <==TLS== cloud

The faults need to see packets, so TLS ends before them and begins behind them again, with the same
certificates: the speaker meets the broker's, and the broker the speaker's.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from cloud_stub import config as cloud_config
from cloud_stub.broker import Mosquitto, open_own_broker
from cloud_stub.broker_files import Address, BrokerFiles
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.keys import Keys
from cloud_stub.loopback import HOST, free_port
from cloud_stub.whose import Whose
from device import config as device_config
from device.assemble import assemble
from device.certificate import tls_context
from device.provision import provision
from device.session import Phase
from device.speaker import Speaker
from hardware.sim import SimBoard
from lab.kit.broker import MockBroker
from scripts.torture_check import Seen

PATIENCE_S = 60.0
_AT_ONCE = 1 << 16


class Hop:
    """Carries bytes from its `port` to another one, out of TLS or into it."""

    def __init__(
        self, to: int, *, server: ssl.SSLContext | None = None, client: ssl.SSLContext | None = None
    ) -> None:
        self.port = free_port()
        self._to = to
        self._server, self._client = server, client
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hop", daemon=True)
        self._thread.start()
        listening = asyncio.start_server(self._carry, HOST, self.port, ssl=server)
        self._listener = asyncio.run_coroutine_threadsafe(listening, self._loop).result(PATIENCE_S)

    def close(self) -> None:
        """Let nobody through any more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    async def _end(self) -> None:
        self._listener.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        host = "localhost" if self._client else None
        try:
            far_in, far_out = await asyncio.open_connection(
                HOST, self._to, ssl=self._client, server_hostname=host
            )
        except OSError:
            near_out.transport.abort()
            return
        try:
            await asyncio.gather(_pump(near_in, far_out), _pump(far_in, near_out))
        finally:
            near_out.transport.abort()
            far_out.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_AT_ONCE):
            sink.write(data)
            await sink.drain()
    with suppress(OSError):
        sink.close()  # the whole of it, as TLS cannot end by half


class Behind:
    """The mosquitto with mutual TLS, as the faults see it: on a plain port, in the speaker's name."""

    kind = "mosquitto"

    def __init__(self, broker: Mosquitto, hop: Hop) -> None:
        self.port = hop.port
        self._broker = broker
        self.start, self.stop, self.kill = broker.start, broker.stop, broker.kill

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Silence(NamedTuple):
    """An answer without words."""

    heard: str = ""
    intent: str = ""
    text: str = ""
    pcm: bytes = b""
    actions: tuple[dict[str, Any], ...] = ()


class Nobody:
    """A mind that hears nothing: what it heard is not what is tried here."""

    def answer(self, _pcm: bytes) -> Silence:
        """Say nothing."""
        return Silence()


class RoughHome:
    """Everything, up and provisioned, in `directory`. `close` ends it; what was written stays."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.state, self.vault = directory / "speaker" / "overheard-state", directory / "cloud" / "vault"
        self.port, self.guest_port = free_port(), free_port()
        self.arrived: Counter[tuple[str, str]] = Counter()
        self._config = self._cloud_config()
        storage = self._config.storage
        self.files = BrokerFiles(storage.broker, storage.keys, datetime.now(UTC))
        root = Keys(storage.keys, self._config.keys).vkey
        self.files.write(Address(["localhost"], self.port, self.guest_port, HOST), root, [])
        self._cloud = self._open_cloud()
        self.acks: dict[str, str] = {}
        broker = open_own_broker(self.port, storage.broker)
        with broker:
            self._cloud.start()
            assert self._cloud.up.wait(PATIENCE_S), "the cloud does not meet its broker"
            self._settings = self._provision()
            self._cloud.stop()
        own = self.state / "tls.pem"
        self._back = Hop(self.port, client=tls_context(self.files.authority.path, own))
        self.line = MockBroker(directory, behind=Behind(broker, self._back))
        self._front = Hop(self.line.port, server=self._as_the_broker())
        self.line.up()
        self.start_cloud()
        self.start_speaker()

    # -- what goes on in it ------------------------------------------------------------------------

    def start_cloud(self) -> None:
        """Start the cloud, with the keys and the vault that it had."""
        self._cloud = self._open_cloud()
        self._cloud.start()

    def stop_cloud(self) -> None:
        """End the cloud."""
        self._cloud.stop()

    def start_speaker(self) -> None:
        """Start the speaker, with the state that it had."""
        uplink = msgspec.structs.replace(
            self._settings.uplink,
            port=self._front.port,
            backoff_min_s=0.05,
            backoff_max_s=0.2,
            ask_again_s=3.0,
        )
        privacy = msgspec.structs.replace(self._settings.privacy, save=True)
        config = msgspec.structs.replace(self._settings, uplink=uplink, privacy=privacy)
        self.board = SimBoard(pace=25.0, noise_floor=300)
        self.speaker: Speaker = assemble(config, self.board, self._tell)
        self.speaker.start()

    def stop_speaker(self) -> None:
        """End the speaker in an orderly way."""
        self.speaker.finish()

    def pass_time(self, seconds: float) -> None:
        """Let so much sample time go by."""
        for _ in range(round(seconds * 50)):
            self.speaker.pass_frame()

    def hold(self, seconds: float) -> bool:
        """Hold the button for so long; return whether the speaker listened."""
        self.board.press()
        self.pass_time(0.5)
        heard = self.speaker.phase is Phase.LISTENING
        self.pass_time(seconds)
        self.board.release()
        self.pass_time(0.3)
        return heard

    def settle(self) -> int:
        """Let time pass until nothing waits; return how many utterances still do."""
        for _ in range(200):
            if not self.speaker.parts.delivery.unacknowledged:
                break
            self.pass_time(3.0)
        return self.speaker.parts.delivery.unacknowledged

    def close(self) -> None:
        """End everything."""
        self.speaker.finish()
        self._cloud.stop()
        self._front.close()
        self.line.__exit__(None, None, None)
        self._back.close()

    @property
    def seen(self) -> Seen:
        """What reached the cloud, once each (the line doubles messages on purpose), and what it confirmed."""
        complete = {utterance for utterance, state in self.acks.items() if state == "complete"}
        return Seen(Counter(self.arrived.keys()), complete)

    @property
    def doubled(self) -> int:
        """How many messages reached the cloud that had been there before."""
        return self.arrived.total() - len(self.arrived)

    # -- what the cloud and the speaker tell -------------------------------------------------------

    def arrived_at(self, topic: str, payload: bytes) -> None:
        self.arrived[topic, sha256(payload).hexdigest()] += 1

    def heard(self, whose: Whose, words: Words) -> None:
        pass

    def _tell(self, kind: str, _sample: int, /, **fields: object) -> None:
        if kind == "ack":
            self.acks[str(fields["id"])] = str(fields["state"])

    # -- how it is made ----------------------------------------------------------------------------

    def _cloud_config(self) -> cloud_config.Config:
        path = self.directory / "cloud.toml"
        path.write_text(
            '[storage]\ndirectory = "cloud"\n[devices]\napprove = "claimed"\n'
            "[ingest]\ntruncated_after_s = 20.0\n"
            f'[broker]\ntls = true\nkind = "none"\nhost = "localhost"\nport = {self.port}\n'
            "backoff_min_s = 0.05\nbackoff_max_s = 0.2\n",
            encoding="utf-8",
        )
        return cloud_config.load(path)

    def _open_cloud(self) -> Cloud:
        return Cloud(self._config, ("localhost", self.port), mind=Nobody(), watch=_Watch(self))

    def _provision(self) -> device_config.Config:
        folder = self.directory / "speaker"
        folder.mkdir()
        for file in self.files.bundle.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
            (folder / file.name).chmod(0o600)
        settings = device_config.load(folder / "speaker.toml")
        provision(settings, None, lambda _: None, wait_s=PATIENCE_S, again=False)
        return settings

    def _as_the_broker(self) -> ssl.SSLContext:
        storage = self._config.storage.broker
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(storage / "ca.crt")
        context.load_cert_chain(storage / "broker.crt", storage / "broker.key")
        return context


class _Watch:
    def __init__(self, home: RoughHome) -> None:
        self.arrived = home.arrived_at
        self.heard = home.heard
