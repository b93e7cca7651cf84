"""The embedded brokers are real ones, on loopback, and come back on the same port."""

import os
import queue
import select
import socket
import subprocess
import sys
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from cloud_stub.broker import Mosquitto, find_mosquitto, open_broker
from cloud_stub.errors import BrokerError
from cloud_stub.loopback import accepts, free_port

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
kinds = pytest.mark.parametrize("kind", [pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"])


class Caller:
    """A paho client under MQTT 3.1.1 with a persistent session, and what it received."""

    def __init__(self, port: int, name: str) -> None:
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._said: queue.Queue[str] = queue.Queue()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, name, clean_session=False, protocol=paho.MQTTv311
        )
        self.client.on_message = lambda _c, _u, message: self.received.put((message.topic, message.payload))
        self.client.on_connect = lambda *_: self._said.put("up")
        self.client.on_subscribe = lambda *_: self._said.put("subscribed")
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._said.get(timeout=10) == "up"

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, qos=1)
        assert self._said.get(timeout=10) == "subscribed"

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        del self.client  # paho closes its own pair of sockets here, not when it is told to leave


@kinds
def test_a_real_client_publishes_and_another_receives_what_it_missed(kind, tmp_path):
    with open_broker(kind, 0, tmp_path) as broker:
        assert broker.kind == kind
        away = Caller(broker.port, "away")
        away.subscribe("overheard/v1/+/up/#")
        away.leave()
        sender = Caller(broker.port, "sender")
        for index in range(200):
            sender.publish("overheard/v1/d/up/status", index.to_bytes(2, "big") + bytes(2600))
        sender.leave()
        back = Caller(broker.port, "away")
        received = [back.received.get(timeout=10)[1][:2] for _ in range(200)]
        back.leave()
        assert sorted(received) == [index.to_bytes(2, "big") for index in range(200)]


@kinds
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_it_comes_back_on_the_same_port_and_has_forgotten_everything(kind, end, tmp_path):
    broker = open_broker(kind, 0, tmp_path)
    broker.start()
    before = Caller(broker.port, "before")
    before.publish("keys", b"retained", retain=True)
    before.publish("mark", b"", retain=False)
    getattr(broker, end)()
    assert not accepts(broker.port)
    before.leave()
    with broker:
        after = Caller(broker.port, "after")
        after.subscribe("#")
        after.publish("first", b"after")
        assert after.received.get(timeout=10) == ("first", b"after")
        after.leave()
    broker.stop()


@kinds
def test_it_listens_on_loopback_alone(kind, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address")
        address = probe.getsockname()[0]
    with (
        open_broker(kind, 0, tmp_path) as broker,
        pytest.raises(OSError, match=r"refused|timed out|No route"),
    ):
        socket.create_connection((address, broker.port), timeout=2).close()


@kinds
def test_a_port_that_is_taken_is_one_line(kind, tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port()))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(BrokerError, match=f"127.0.0.1:{port}: the port is taken; ") as caught:
            open_broker(kind, port, tmp_path).start()
    assert "\n" not in str(caught.value)


def test_a_broker_that_dies_at_start_says_why_in_one_line(tmp_path):
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho '1795420425: Error: Out of luck.' >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(BrokerError) as caught:
        Mosquitto(str(program), free_port(), tmp_path / "broker").start()
    assert str(caught.value) == f"{program}: Error: Out of luck.; see {tmp_path / 'broker' / 'embedded.conf'}"


@needs_mosquitto
def test_auto_is_mosquitto_where_it_is_installed(tmp_path):
    assert open_broker("auto", 0, tmp_path).kind == "mosquitto"


START_AND_SAY = """
import sys
from pathlib import Path
from cloud_stub.broker import open_broker
broker = open_broker("mosquitto", int(sys.argv[1]), Path(sys.argv[2]))
broker.start()
print(broker._child.pid, flush=True)
sys.stdin.read()
"""


@needs_mosquitto
def test_mosquitto_ends_with_its_parent_when_that_is_killed_and_its_port_is_free(tmp_path):
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_SAY, str(port), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        child = os.pidfd_open(int(parent.stdout.readline()))
        assert accepts(port)
        parent.kill()
    ended, _, _ = select.select([child], [], [], 20)
    os.close(child)
    assert ended
    with open_broker("mosquitto", port, tmp_path):
        pass


@needs_mosquitto
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_whoever_watches_for_the_parent_ends_with_the_broker_and_kills_nobody(end, tmp_path):
    broker = open_broker("mosquitto", 0, tmp_path)
    broker.start()
    child = broker._child.pid
    watcher = os.pidfd_open(int(Path(f"/proc/{child}/task/{child}/children").read_text().split()[0]))
    getattr(broker, end)()
    ended, _, _ = select.select([watcher], [], [], 20)
    os.close(watcher)
    assert ended


@needs_mosquitto
def test_who_is_told_to_end_while_the_broker_starts_ends_cleanly_and_leaves_none(tmp_path):
    program = tmp_path / "mosquitto"
    program.write_text(f'#!/bin/sh\nkill -TERM $PPID\nexec {find_mosquitto()} "$@"\n')
    program.chmod(0o755)
    port = free_port()
    (tmp_path / "my.toml").write_text(f'[broker]\nport = {port}\nkind = "mosquitto"\n')
    ended = subprocess.run(
        [sys.executable, "-m", "cloud_stub", "run", "--config", str(tmp_path / "my.toml")],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not accepts(port)


@needs_mosquitto
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_mosquitto_does_not_stay_root(tmp_path):
    with open_broker("mosquitto", 0, tmp_path) as broker:
        child = broker._child.pid
        with open(f"/proc/{child}/status") as status:
            uids = next(line for line in status if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


def test_a_free_port_is_outside_the_range_of_outgoing_connections():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as settings:
        lowest = int(settings.read().split()[0])
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 1
    assert max(ports) < lowest
