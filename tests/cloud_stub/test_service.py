"""What systemd is told of the cloud, on a real datagram socket, at a real broker."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_stub.broker import open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.config import load
from cloud_stub.service import notify, watch_over
from scripts.rough_home import Nobody

PATIENCE_S = 15.0


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """It listens, and the environment says where."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def told(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


def cloud_at(port: int, path: Path) -> Cloud:
    (path / "cloud.toml").write_text("[broker]\nbackoff_min_s = 0.05\nbackoff_max_s = 0.1\n")
    return Cloud(load(path / "cloud.toml"), ("127.0.0.1", port), mind=Nobody())


def test_it_is_ready_once_it_hears_devices_alive_while_it_ticks_and_says_goodbye(
    systemd: socket.socket, tmp_path: Path
) -> None:
    with open_broker("amqtt", 0, tmp_path / "broker") as broker:
        cloud = cloud_at(broker.port, tmp_path)
        cloud.start()
        watching = threading.Thread(target=watch_over, args=(cloud,))
        watching.start()
        try:
            first = told(systemd)
            while first == "WATCHDOG=1":  # alive, and not at the broker yet
                first = told(systemd)
            assert first == "READY=1\nSTATUS=at the broker"
            assert told(systemd) == "WATCHDOG=1"
        finally:
            cloud.stop()
            watching.join(PATIENCE_S)
    last = told(systemd)
    while last == "WATCHDOG=1":
        last = told(systemd)
    assert last == "STOPPING=1"


def test_a_cloud_whose_ticks_do_not_end_is_not_alive(systemd: socket.socket, tmp_path: Path) -> None:
    """A message that is stuck holds what a tick needs: nothing is said then, though time goes on."""
    cloud = cloud_at(1, tmp_path)
    cloud.up.set()  # nobody called: it is not about the broker
    looked = threading.Event()

    class Waiting(threading.Event):
        """The end of the cloud, which comes after three looks."""

        looks = 0

        def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
            self.looks += 1
            if self.looks > 3:
                looked.set()
                return True
            return False

    cloud.over = Waiting()
    watch_over(cloud)
    assert looked.is_set()
    assert told(systemd).startswith("READY=1")
    assert told(systemd) == "STOPPING=1", "and not alive in between"


def test_where_nobody_started_it_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_a_systemd_that_is_gone_is_no_reason_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")
