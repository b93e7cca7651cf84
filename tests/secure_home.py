"""A real broker that lets nobody in, the cloud at it, and whoever tries: for the tests of the secure line."""

import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_stub import config as cloud_config
from cloud_stub.authority import Authority, keep_key
from cloud_stub.broker import Mosquitto, find_mosquitto, open_own_broker
from cloud_stub.broker_files import Address, BrokerFiles
from cloud_stub.cloud import Cloud
from cloud_stub.loopback import accepts, free_port
from scripts.rough_home import Nobody

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
PATIENCE_S = 15.0


def until(true: Callable[[], object], why: str) -> None:
    """Wait until something is so that another thread or process brings about."""
    never = threading.Event()
    for _ in range(round(PATIENCE_S / 0.02)):
        if true():
            return
        never.wait(0.02)
    raise AssertionError(why)


class SecureHome:
    """The files of `broker init` in `directory`, and what is made with them."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.port, self.guest_port = free_port(), free_port()
        self.config_file = directory / "cloud.toml"
        lines = [f"[broker]\ntls = true\nkind = 'mosquitto'\nport = {self.port}\nbackoff_min_s = 0.05\n"]
        lines += [f"[{name}]\n{text}\n" for name, text in settings.items()]
        self.config_file.write_text("".join(lines), encoding="utf-8")
        self.config = cloud_config.load(self.config_file)
        self.files = BrokerFiles(self.config.storage.broker, self.config.storage.keys, datetime.now(UTC))
        self.scratch = directory

    def write(self, root: str = "nobody's root") -> Mosquitto:
        """Write the broker's files; the broker, not started."""
        address = Address(["localhost", "127.0.0.1"], self.port, self.guest_port, "127.0.0.1")
        self.files.write(address, root, [])
        return open_own_broker(self.port, self.config.storage.broker)

    @contextmanager
    def cloud(self) -> Iterator[Cloud]:
        """The broker and the cloud, up."""
        with self.broker_up():
            cloud = Cloud(self.config, ("127.0.0.1", self.port), mind=Nobody())
            cloud.start()
            try:
                assert cloud.up.wait(PATIENCE_S)
                yield cloud
            finally:
                cloud.stop()

    @contextmanager
    def broker_up(self) -> Iterator[Mosquitto]:
        """The broker, once both its doors are open: the guests' opens a moment after the other."""
        with open_own_broker(self.port, self.config.storage.broker) as broker:
            until(lambda: accepts(self.guest_port), "the guests' door stays shut")
            yield broker

    def pair(self, name: str, authority: Authority | None = None, days: float = 90) -> Path:
        """The path of `name`.crt, with `name`.key beside it, signed by the devices' authority or another."""
        key = keep_key(self.scratch / f"{name}.key")
        until = self.files.now + timedelta(days=days)
        path = self.scratch / f"{name}.crt"
        path.write_bytes((authority or self.files.authority).issue_client(key, name, until, self.files.now))
        return path

    @property
    def claim(self) -> Path:
        """The claim certificate that new speakers are given."""
        return self.files.bundle / "claim.crt"

    def caller(self, name: str, pair: Path | None, port: int | None = None, **tls: Any) -> "Caller":
        """Somebody who calls the broker with that certificate."""
        return Caller(name, self._context(pair, **tls), port or self.port)

    def _context(self, pair: Path | None, maximum: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.files.authority.path)
        if maximum is not None:
            context.maximum_version = maximum
        if pair is not None:
            context.load_cert_chain(pair, pair.with_suffix(".key"))
        return context


class Caller:
    """A paho client under TLS and MQTT 5, and everything that happens to it."""

    def __init__(self, name: str, context: ssl.SSLContext, port: int) -> None:
        self.happened: queue.Queue[tuple[str, str]] = queue.Queue()
        self.ended = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        self.client.tls_set_context(context)
        tell = self.happened.put
        self.client.on_connect = lambda _c, _u, _f, reason, _p: tell(("connected", str(reason)))
        self.client.on_message = lambda _c, _u, message: tell((message.topic, message.payload.decode()))
        self.client.on_publish = lambda _c, _u, _mid, reason, _p: tell(("published", str(reason)))
        self.client.on_subscribe = lambda *_: tell(("subscribed", ""))
        self.client.on_disconnect = self._ended
        try:
            self.client.connect("localhost", port)
        except OSError as error:
            tell(("refused", str(error)))
            self.ended.set()
        else:
            self.client.loop_start()

    def next(self) -> tuple[str, str]:
        """What happens next."""
        return self.happened.get(timeout=PATIENCE_S)

    def let_in(self) -> "Caller":
        """Itself, once it is connected."""
        assert self.next() == ("connected", "Success")
        return self

    def subscribe(self, *filters: str) -> "Caller":
        """Itself, once it is subscribed."""
        self.client.subscribe([(each, 1) for each in filters])
        assert self.next() == ("subscribed", "")
        return self

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> str:
        """Publish, and say what the broker said to it."""
        self.client.publish(topic, payload, qos=1, retain=retain)
        kind, reason = self.next()
        assert kind == "published", kind
        return reason

    def leave(self) -> None:
        """Say goodbye."""
        self.client.disconnect()
        self.client.loop_stop()

    def _ended(self, _c: object, _u: object, _f: object, reason: object, _p: object) -> None:
        self.happened.put(("ended", str(reason)))
        self.ended.set()
